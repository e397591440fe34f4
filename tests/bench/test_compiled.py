"""Texts of compiled programs: what is read of them and counted in them, and their least time.

The snippets are short forms of what XLA makes of the named computation.
"""

import pytest

from ensemble_rsa.bench.compiled.cost import Cost, program_cost
from ensemble_rsa.bench.compiled.hlo import read_program, shapes_of
from ensemble_rsa.bench.compiled.run import CompiledBench, CompiledRow, bench_compile
from ensemble_rsa.bench.compiled.table import compiled_tables
from ensemble_rsa.bench.compiled.targets import TARGETS, open_target
from ensemble_rsa.cli.main import main
from ensemble_rsa.errors import InputError

H100, V5E = TARGETS["h100"], TARGETS["tpu-v5e"]
MEGA = 2**20

# A convolution of 4 images in two groups, its ReLU, and the gradient of the kernel.
CUDNN = """
HloModule jit_step, is_scheduled=true

%fused_maximum (param_0: f32[4,8,8,6]) -> f32[4,8,8,6] {
  %param_0 = f32[4,8,8,6]{3,2,1,0} parameter(0)
  %constant = f32[] constant(0)
  %broadcast = f32[4,8,8,6]{3,2,1,0} broadcast(%constant), dimensions={}
  ROOT %maximum = f32[4,8,8,6]{3,2,1,0} maximum(%param_0, %broadcast)
}

ENTRY %main (x: f32[4,8,8,4], kernel: f32[6,3,3,2]) -> (f32[4,8,8,6], f32[6,3,3,2]) {
  %x = f32[4,8,8,4]{3,2,1,0} parameter(0)
  %kernel = f32[6,3,3,2]{3,2,1,0} parameter(1)
  %conv = (f32[4,8,8,6]{3,2,1,0}, u8[0]{0}) custom-call(%x, %kernel), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_o01i->b01f, feature_group_count=2, operand_precision={highest,highest}, custom_call_target="__cudnn$convForward", backend_config={"a":"(b)"}
  %y = f32[4,8,8,6]{3,2,1,0} get-tuple-element(%conv), index=0
  %relu = f32[4,8,8,6]{3,2,1,0} fusion(%y), kind=kLoop, calls=%fused_maximum
  %back = (f32[6,3,3,2]{3,2,1,0}, u8[0]{0}) custom-call(%x, %relu), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_o01i->b01f, feature_group_count=2, custom_call_target="__cudnn$convBackwardFilter"
  %dk = f32[6,3,3,2]{3,2,1,0} get-tuple-element(%back), index=0
  ROOT %result = (f32[4,8,8,6]{3,2,1,0}, f32[6,3,3,2]{3,2,1,0}) tuple(%relu, %dk)
}
"""  # noqa: E501

# Ten products of slices in a loop, each written into its place.
LOOP = """
HloModule jit_loop

%fused_dot (p0: f32[10,32,16], p1: s32[]) -> f32[32,32] {
  %p0 = f32[10,32,16]{2,1,0} parameter(0)
  %p1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  %slice = f32[1,32,16]{2,1,0} dynamic-slice(%p0, %p1, %zero, %zero), dynamic_slice_sizes={1,32,16}
  %one = f32[32,16]{1,0} bitcast(%slice)
  ROOT %dot = f32[32,32]{1,0} dot(%one, %one), lhs_contracting_dims={1}, rhs_contracting_dims={1}, operand_precision={highest,highest}
}

%fused_write (p0: f32[10,32,32], p1: f32[32,32], p2: s32[]) -> f32[10,32,32] {
  %p0 = f32[10,32,32]{2,1,0} parameter(0)
  %p1 = f32[32,32]{1,0} parameter(1)
  %part = f32[1,32,32]{2,1,0} bitcast(%p1)
  %p2 = s32[] parameter(2)
  %zero = s32[] constant(0)
  ROOT %write = f32[10,32,32]{2,1,0} dynamic-update-slice(%p0, %part, %p2, %zero, %zero)
}

%body (state: (s32[], f32[10,32,16], f32[10,32,32])) -> (s32[], f32[10,32,16], f32[10,32,32]) {
  %state = (s32[], f32[10,32,16]{2,1,0}, /*index=2*/f32[10,32,32]{2,1,0}) parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %x = f32[10,32,16]{2,1,0} get-tuple-element(%state), index=1
  %y = f32[10,32,32]{2,1,0} get-tuple-element(%state), index=2
  %gram = f32[32,32]{1,0} fusion(%x, %i), kind=kCustom, calls=%fused_dot
  %new = f32[10,32,32]{2,1,0} fusion(%y, %gram, %i), kind=kLoop, calls=%fused_write
  ROOT %next = (s32[], f32[10,32,16]{2,1,0}, f32[10,32,32]{2,1,0}) tuple(%i, %x, %new)
}

%condition (state.1: (s32[], f32[10,32,16], f32[10,32,32])) -> pred[] {
  %state.1 = (s32[], f32[10,32,16]{2,1,0}, f32[10,32,32]{2,1,0}) parameter(0)
  %i.1 = s32[] get-tuple-element(%state.1), index=0
  %n = s32[] constant(10)
  ROOT %less = pred[] compare(%i.1, %n), direction=LT
}

ENTRY %main (x.1: (s32[], f32[10,32,16], f32[10,32,32])) -> (s32[], f32[10,32,16], f32[10,32,32]) {
  %x.1 = (s32[], f32[10,32,16]{2,1,0}, f32[10,32,32]{2,1,0}) parameter(0)
  ROOT %while = (s32[], f32[10,32,16]{2,1,0}, f32[10,32,32]{2,1,0}) while(%x.1), condition=%condition, body=%body
}
"""  # noqa: E501

# The gradient of the input of a convolution with stride 2 on a TPU: its input is dilated.
TPU = """
HloModule jit_tpu

ENTRY %main (dy: bf16[8,4,4,24], kernel: bf16[3,3,24,24]) -> bf16[8,8,8,24] {
  %dy = bf16[8,4,4,24]{3,0,2,1:T(8,128)(2,1)} parameter(0)
  %kernel = bf16[3,3,24,24]{3,2,1,0:T(8,128)(2,1)S(1)} parameter(1)
  ROOT %dx = bf16[8,8,8,24]{3,0,2,1:T(8,128)(2,1)} convolution(%dy, %kernel), window={size=3x3 pad=1_2x1_2 lhs_dilate=2x2}, dim_labels=b01f_01oi->b01f
}
"""  # noqa: E501


def test_convolutions_of_cudnn_are_counted_with_their_work():
    cost = program_cost(read_program(CUDNN), H100)
    assert cost.cudnn == {"Forward": 1, "BackwardFilter": 1}
    assert (cost.kernels, cost.fusions, cost.loops, cost.cublas, cost.grouped) == (3, 1, 0, 0, 2)
    assert cost.products == {"float32": 1, "float32 by default": 1}
    # each of 4 × 8 × 8 × 6 results is a sum of 3 × 3 × 2 products, forward and backward
    assert cost.flops == 2 * 2 * (4 * 64 * 6) * 18
    x, y, kernel = 4 * 4 * 64 * 4, 4 * 4 * 64 * 6, 4 * 6 * 9 * 2  # bytes
    assert cost.n_bytes == (x + kernel + y) + (y + y) + (x + y + kernel)
    assert cost.filling == 0
    # bytes take longer than the few products
    assert cost.seconds == pytest.approx(cost.n_bytes / 3.35e12)
    assert cost.compute_seconds == pytest.approx(cost.flops / 2 * (1 / 67e12 + 1 / 494e12))


def test_a_loop_reads_and_writes_only_its_slices():
    cost = program_cost(read_program(LOOP), H100)
    assert (cost.loops, cost.kernels, cost.fusions) == (1, 20, 2)
    assert cost.flops == 10 * 2 * 32 * 32 * 16
    index, part, gram = 4, 4 * 32 * 16, 4 * 32 * 32
    assert cost.n_bytes == 10 * ((part + index + gram) + (gram + index + gram))


def test_tiles_of_a_tpu_are_filled_and_zeros_of_a_dilated_input_do_not_count():
    cost = program_cost(read_program(TPU), V5E)
    # as many as the forward convolution: 4 × 4 results from windows of 3 × 3
    assert cost.flops == 2 * (8 * 16 * 24) * 9 * 24
    assert cost.products == {"bfloat16": 1}
    # 24 of 128 lanes; the kernel is in the core's own memory
    assert cost.n_bytes == 2 * 8 * (16 + 64) * 128
    assert cost.filling == cost.n_bytes * (128 - 24) / 128


@pytest.mark.parametrize(
    ("text", "n_bytes", "padded"),
    [
        ("pred[3]{0}", 3, 3),
        ("s4[10]{0}", 5, 5),
        ("f64[]", 8, 8),
        ("f32[3,5]{0,1:T(8,128)}", 60, 4 * 128 * 8),  # the first axis in the lanes
        ("f32[2,9]{1,0:T(8,128)}", 72, 4 * 8 * 128),
        ("f32[300]{0:T(256)}", 1200, 4 * 512),
    ],
)
def test_bytes_of_shapes(text, n_bytes, padded):
    (shape,) = shapes_of(text)
    assert (shape.n_bytes, shape.padded_bytes) == (n_bytes, padded)


def test_tables_have_the_fastest_way_first():
    cost = Cost(kernels=7, cudnn={"Forward": 9}, flops=2e9, n_bytes=3e9, products={"float32": 9})
    size = {"instances": 10, "width": 0.25}
    rows = [
        CompiledRow("training", size, "slow", 1.0, MEGA, MEGA, 512 * MEGA, cost, None, 0.002),
        CompiledRow("training", size, "fast", 1.0, MEGA, MEGA, MEGA, cost, None, 0.001),
        CompiledRow("training", size, "broken", note="failed: ValueError: x"),
    ]
    machine = {"date": "2020-11-12T09:00:00+00:00", "cpu": "X", "cores": 2, "versions": {"jax": 1}}
    lines = compiled_tables(CompiledBench("compile", "quick", "h100", machine, rows)).splitlines()
    assert lines[0] == "training: instances 10, width 0.25:"
    names = [line.split("|")[1].strip() for line in lines[4:7]]
    assert names == ["fast", "slow", "broken (failed: ValueError: x)"]
    assert "| 0.5 | 9 Forward | 0 |" in lines[5]
    assert "Nothing here was run." in lines[8]
    assert "NVIDIA H100" in lines[10]


def test_what_cannot_be_compiled_for_is_refused_in_a_sentence(monkeypatch, capsys, tmp_path):
    with pytest.raises(InputError, match=r"target: unknown 'a100'; choose from h100, tpu-v5e"):
        open_target("a100")
    monkeypatch.setattr("ensemble_rsa.bench.compiled.targets._is_installed", lambda module: False)
    with pytest.raises(InputError, match=r"pip install 'ensemble_rsa\[compile-cuda\]'"):
        open_target("h100")
    out = ["--out", str(tmp_path / "new.json")]
    for words, reason in (
        (["compile"], "target: expected h100 or tpu-v5e, got none"),
        (["compile", "--target", "a100"], "target: unknown 'a100'"),
        (["analysis", "--target", "h100"], "expected with bench compile only, got analysis"),
    ):
        assert main(["bench", *words, *out]) == 2
        assert reason in capsys.readouterr().err


@pytest.mark.slow
def test_programs_are_compiled_for_an_absent_gpu():
    """What RDMs are made of stays float32, and no instance has a convolution in groups."""
    try:
        open_target("h100")
    except InputError as error:
        pytest.skip(str(error))
    rows = bench_compile("h100", "toy").rows
    assert [row.note for row in rows if row.note] == []
    costs = {(row.program.partition(",")[0], row.way): row.cost for row in rows}
    native = costs["training all_cnn_c", "per_instance, vmap of 10"]
    assert native.grouped == 0
    assert native.cudnn["BackwardFilter"] >= native.cudnn["BackwardInput"] > 0
    assert costs["training all_cnn_c", "xla, vmap"].grouped > 0
    for (program, way), cost in costs.items():
        if way == "highest":
            assert set(cost.products) <= {"float32", "float64"}, program
    assert "float32 by high" in costs["Gram engine", "tensorfloat32"].products
    assert costs["Gram engine", "highest"].flops > 40 * 40 * 64  # the upper triangle at least

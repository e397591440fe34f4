"""What a compiled program does: its calls, loops, products and bytes, and the least time they take.

The least time of an operation is the larger of two: its multiplications and additions over the
device's peak for their type, and the bytes it reads and writes over the bandwidth of its memory
(the roofline of Williams et al. 2009, doi:10.1145/1498765.1498785). Their sum is a bound that no
program reaches, since real kernels use a part of both; it orders programs that do the same.
"""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ensemble_rsa.bench.compiled.hlo import Computation, Operation, Program, Shape
from ensemble_rsa.bench.compiled.targets import Target

# They move nothing, or what they call is counted instead.
FREE = frozenset(
    ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while", "conditional",
     "call", "after-all", "partition-id", "replica-id", "iota", "async-start", "async-done",
     "async-update", "opt-barrier", "add-dependency", "copy-start", "slice-start")
)  # fmt: skip
_CUDNN, _CUBLAS = "__cudnn$conv", "__cublas$"
_LABELS = re.compile(r"dim_labels=(\w+)_(\w+)->(\w+)")
_SLICES = ("dynamic-slice", "slice", "gather")
_UPDATES = ("dynamic-update-slice", "scatter")


@dataclass
class Cost:
    """Counts of a program, for one step of its loops without a known number of steps.

    Attributes:
        kernels: how many operations a step runs on the device.
        cudnn: calls of cuDNN in the text of the program, by kind.
        cublas: calls of cuBLAS in the text.
        grouped: convolutions in groups.
        fusions: fused operations in the text.
        loops: loops with a known number of steps that are left in the program.
        products: in how many products and convolutions of the text factors have which type.
        flops: multiplications and additions of products and convolutions in a step.
        n_bytes: read and written in a step.
        filling: how many of them fill tiles of a TPU.
        compute_seconds: of them at the device's peak.
        seconds: the least time of a step.
    """

    kernels: int = 0
    cudnn: dict[str, int] = field(default_factory=dict)
    cublas: int = 0
    grouped: int = 0
    fusions: int = 0
    loops: int = 0
    products: dict[str, int] = field(default_factory=dict)
    flops: float = 0.0
    n_bytes: float = 0.0
    filling: float = 0.0
    compute_seconds: float = 0.0
    seconds: float = 0.0


def program_cost(program: Program, target: Target) -> Cost:
    """Count what a program does on a device."""
    cost = Cost()
    for computation, times in _executed(program):
        for operation in computation.operations.values():
            if operation.kind == "while":
                cost.loops += bool(trip_count(program, operation))
            if operation.kind not in FREE:
                _add(cost, program, computation, operation, times, target)
    return cost


def _executed(program: Program) -> Iterator[tuple[Computation, int]]:
    """Computations whose operations run as kernels, and how often in a step."""
    waiting = [(program.entry, 1)]
    while waiting:
        computation, times = waiting.pop()
        yield computation, times
        for operation in computation.operations.values():
            if operation.kind == "while":
                trips = trip_count(program, operation) or 1
                body = operation.attribute(r"body=%([\w.\-]+)")
                waiting.append((program.computations[body], times * trips))
            elif operation.kind in ("call", "conditional", "async-start"):
                waiting += [(program.computations[name], times) for name in operation.called]


def trip_count(program: Program, loop: Operation) -> int | None:
    """How often a loop from 0 runs, if the program says so."""
    if known := loop.attribute(r'"known_trip_count":\{"n":"(\d+)"'):
        return int(known)
    condition = program.computations[loop.attribute(r"condition=%([\w.\-]+)")]
    bounds = [condition.operations.get(name) for name in condition.root.operands]
    values = [each.operands[0] for each in bounds if each and each.kind == "constant"]
    return int(values[0]) if condition.root.kind == "compare" and values else None


def _add(
    cost: Cost,
    program: Program,
    computation: Computation,
    operation: Operation,
    times: int,
    target: Target,
) -> None:
    called = operation.target
    if called.startswith(_CUDNN):
        _count(cost.cudnn, called.removeprefix(_CUDNN))
    cost.cublas += called.startswith(_CUBLAS)
    cost.fusions += operation.kind == "fusion"
    seconds = 0.0
    for where, product in _products(program, computation, operation):
        factors = [_result(where, name) for name in product.operands[:2]]
        kind = factor_type(factors, product)
        flops = product_flops(where, product)
        _count(cost.products, kind)
        cost.grouped += product.attribute(r"feature_group_count=(\d+)", "1") != "1"
        cost.grouped += product.attribute(r"batch_group_count=(\d+)", "1") != "1"
        cost.flops += times * flops
        seconds += flops / target.peak(kind)
    moved = _moved(program, computation, operation)
    n_bytes, padded = (sum(sizes) for sizes in zip((0.0, 0.0), *map(_sizes, moved), strict=True))
    cost.kernels += times
    cost.compute_seconds += times * seconds
    cost.n_bytes += times * padded
    cost.filling += times * (padded - n_bytes)
    cost.seconds += times * max(seconds, padded / target.bandwidth)


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _sizes(shape: Shape) -> tuple[float, float]:
    return shape.n_bytes, shape.padded_bytes


def _result(computation: Computation, name: str) -> Shape:
    """The shape of an operation's only or first result."""
    return computation.operations[name].results[0]


def _products(
    program: Program, computation: Computation, operation: Operation
) -> Iterator[tuple[Computation, Operation]]:
    """The products and convolutions that an operation does, itself or those fused into it."""
    if operation.kind in ("dot", "convolution") or operation.target.startswith((_CUDNN, _CUBLAS)):
        yield computation, operation
    if operation.kind == "fusion":
        for name in operation.called:
            inner = program.computations[name]
            for each in inner.operations.values():
                yield from _products(program, inner, each)


def factor_type(factors: list[Shape], product: Operation) -> str:
    """The type to which the factors of a product are rounded.

    Products of float32 factors without a precision are TensorFloat-32 on a GPU of NVIDIA, and
    bfloat16 on a TPU; they are called `float32 by default` here.
    """
    narrow = min(factors, key=lambda shape: shape.n_bytes / max(1, shape.count)).dtype
    name = {"f64": "float64", "bf16": "bfloat16", "f16": "float16"}.get(narrow, "float32")
    precise = re.search(r"operand_precision=\{(\w+)|\"(HIGHEST|HIGH)\"", product.attributes)
    level = (precise[1] or precise[2]).lower() if precise else "default"
    return name if name != "float32" or level == "highest" else f"float32 by {level}"


def product_flops(computation: Computation, product: Operation) -> float:
    """Multiplications and additions of a product or a convolution.

    Those with zeros of dilated inputs are left out, those with zeros at the edges count.
    """
    first, second = (_result(computation, name) for name in product.operands[:2])
    made = product.results[0]
    if labels := _LABELS.search(product.attributes):
        if product.target.endswith("BackwardFilter"):  # labels are those of the forward convolution
            maps, kernel = second, made
        elif product.target.endswith("BackwardInput"):
            maps, kernel = first, second
        else:
            maps, kernel = made, second
        per_result = kernel.count / kernel.sizes[labels[2].index("o")]
        zeros = math.prod(_integers(product.attribute(r"lhs_dilate=([\dx]+)", "1")))
        return 2.0 * maps.count * per_result / zeros
    contracted = re.search(r'lhs_contracting_dim(?:s=\{|ensions":\[)([\d,"]*)', product.attributes)
    axes = [int(axis) for axis in re.findall(r"\d+", contracted[1])] if contracted else []
    return 2.0 * made.count * math.prod(first.sizes[axis] for axis in axes)


def _integers(text: str) -> list[int]:
    return [int(each) for each in text.split("x")]


def _moved(program: Program, computation: Computation, operation: Operation) -> list[Shape]:
    """What an operation reads and writes in the device's memory."""
    if operation.kind == "copy-done":  # its operand holds the copy and what is copied
        shapes = [*computation.operations[operation.operands[0]].results]
    elif operation.kind == "slice-done":
        return [dataclasses.replace(shape, on_chip=False) for shape in operation.results]
    else:
        shapes = [*_written(program, computation, operation)]
        for place in range(len(operation.operands)):
            shapes += _read(program, computation, operation, place)
    return [shape for shape in shapes if not shape.on_chip]


def _read(
    program: Program, computation: Computation, operation: Operation, place: int
) -> list[Shape]:
    """What an operation reads of an operand: where it only slices it, the slices."""
    if operation.kind in _SLICES and place == 0:
        return list(operation.results)
    if operation.kind in _UPDATES:
        changed = operation.operands[-1 if operation.kind == "scatter" else 1]
        return [_result(computation, changed)] if place == 1 else []
    whole = [*computation.operations[operation.operands[place]].results]
    if operation.kind != "fusion":
        return whole
    inner = program.computations[operation.called[0]]
    return _read_within(program, inner, inner.parameters[place].name, whole)


def _read_within(
    program: Program, inner: Computation, name: str, whole: list[Shape]
) -> list[Shape]:
    """What a fusion reads of a parameter, all of which is read by anything but slices."""
    found: list[Shape] = []
    for reader in inner.readers(name):
        place = reader.operands.index(name)
        if reader.kind == "bitcast":
            found += _read_within(program, inner, reader.name, whole)
        elif place == 0 and reader.kind in (*_SLICES, *_UPDATES) or reader.kind == "fusion":
            found += _read(program, inner, reader, place)
        else:
            return whole
    return whole if sum(s.n_bytes for s in found) > sum(s.n_bytes for s in whole) else found


def _written(program: Program, computation: Computation, operation: Operation) -> Sequence[Shape]:
    """What an operation writes: of a result that is updated in place, the update."""
    if operation.kind in _UPDATES:
        return _read(program, computation, operation, 1)
    if operation.kind == "bitcast":
        source = computation.operations[operation.operands[0]]
        return _written(program, computation, source) if source.kind in _UPDATES else source.results
    if operation.kind != "fusion":
        return operation.results
    inner = program.computations[operation.called[0]]
    roots = [inner.root]
    if inner.root.kind == "tuple":
        roots = [inner.operations[name] for name in inner.root.operands]
    return [shape for root in roots for shape in _written(program, inner, root)]


def in_words(counts: Mapping[str, int]) -> str:
    """Counts by name, the largest first.

    >>> in_words({"Forward": 9, "BackwardFilter": 12})
    '12 BackwardFilter, 9 Forward'
    """
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{number} {name}" for name, number in ordered)

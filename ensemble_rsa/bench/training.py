"""The benchmark of training: growth with size, ways to compute and precision, beside PyTorch."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax

from ensemble_rsa.bench import pytorch
from ensemble_rsa.bench.case import Case, Prepared, Size, Way
from ensemble_rsa.bench.measure import Patience, one_line
from ensemble_rsa.bench.run import Bench, Progress, measure_all
from ensemble_rsa.config.settings import Config, ModelConfig, TrainingConfig
from ensemble_rsa.models.convolution import CONVOLUTIONS
from ensemble_rsa.models.execution import Execution, candidates
from ensemble_rsa.training.throughput import TrainingCall, steps_per_call

GROWTH = "growth with size"
WAYS = "ways to compute"


class BenchScale(NamedTuple):
    """`growth` changes one axis of `base` at a time; ways are compared at the sizes `ways`.

    ResNet-20 is measured at `resnet_widths`.
    """

    base: Size
    growth: Mapping[str, tuple[int | float, ...]]
    ways: tuple[Size, ...]
    patience: Patience
    resnet_widths: tuple[float, ...] = ()


_CIFAR10 = {"instances": 4, "width": 1.0, "batch": 128, "side": 32}
_NARROW = {"instances": 10, "width": 0.25, "batch": 32, "side": 32}
_SMALL = {"instances": 4, "width": 0.25, "batch": 32, "side": 8}
SCALES = {
    "quick": BenchScale(
        _SMALL,
        {"instances": (1, 4, 8), "width": (0.125, 0.25), "batch": (32, 64)},
        (_SMALL,),
        Patience(5, 1.5),
    ),
    "default": BenchScale(
        _CIFAR10,
        {"instances": (1, 4, 10, 32), "width": (0.25, 0.5, 1.0), "batch": (32, 64, 128)},
        (_CIFAR10,),
        Patience(3, 12.0),
        (0.25, 1.0),
    ),
    "full": BenchScale(
        _CIFAR10,
        {"instances": (1, 2, 4, 8, 16, 32), "width": (0.25, 0.5, 1, 2), "batch": (32, 64, 128)},
        tuple({**_CIFAR10, "instances": n} for n in (1, 4, 10)),
        Patience(5, 60.0),
        (0.25, 1.0),
    ),
    # of scripts/gpu_evidence.py
    "gpu": BenchScale(
        _CIFAR10,
        {"instances": (1, 4, 20)},  # ten are among the ways
        ({**_CIFAR10, "instances": 10}, _NARROW),
        Patience(5, 2.0),
        (0.25, 1.0),
    ),
    "toy": BenchScale(
        {**_SMALL, "width": 0.1},
        {"instances": (1, 2)},
        ({**_SMALL, "width": 0.1, "instances": 2},),
        Patience(2, 0.5),
    ),
}


def bench_training(scale: str = "default", progress: Progress = lambda *state: None) -> Bench:
    """Measure how training grows with size, then compare ways to compute it in each precision.

    Growth comes first, since an accelerator records only its highest peak of memory. `scale` is
    `quick` (small images and networks), `default` (the paper's sizes) or `full` (every way).
    """
    cases = training_cases(scale)
    return measure_all("train", scale, cases, SCALES[scale].patience, progress)


def training_cases(scale: str) -> list[Case]:
    """The cases of `bench_training` at a scale, in their order."""
    base, axes, sizes_of_ways, _, widths = SCALES[scale]
    sizes = [{**base, axis: n} for axis, numbers in axes.items() for n in numbers]
    once = [size for i, size in enumerate(sizes) if size not in sizes[:i]]
    cases = [_case(f"{GROWTH}, float32", size, "float32", candidates()[:1]) for size in once]
    ways = all_ways() if scale == "full" else candidates()
    on_cpu = jax.default_backend() == "cpu"  # where TensorFloat-32 is float32
    cases += [
        _case(f"{WAYS} all_cnn_c, {precision}", size, precision, ways)
        for precision in ("float32", *([] if on_cpu else ["tensorfloat32"]), "bfloat16")
        for size in sizes_of_ways
    ]
    cases += [
        _case(f"{WAYS} resnet20, float32", {**base, "width": width}, "float32", ways, "resnet20")
        for width in widths
    ]
    return cases


def all_ways() -> tuple[Execution, ...]:
    """Every convolution, in a loop and under `vmap`; the device's candidates come first."""
    default = candidates()[0]
    every = [
        dataclasses.replace(default, convolution=convolution, vmap_batch_size=size)
        for convolution in CONVOLUTIONS
        for size in (1, None)
    ]
    return tuple({way_name(way): way for way in (*candidates(), *every)}.values())


def way_name(way: Execution) -> str:
    """A way in two words.

    >>> way_name(Execution("patches", None)), way_name(Execution("xla", 2))
    ('patches, vmap', 'xla, vmap of 2')
    """
    size = way.vmap_batch_size
    parts = ", in parts" if way.in_parts else ""
    return f"{way.convolution}, { {None: 'vmap', 1: 'loop'}.get(size, f'vmap of {size}') }{parts}"


def _case(
    name: str, size: Size, precision: Any, ways: Sequence[Execution], model: str = "all_cnn_c"
) -> Case:
    """One way is compared with PyTorch's usual one, several with both."""
    n_instances, batch, side = (int(size[axis]) for axis in ("instances", "batch", "side"))
    training = TrainingConfig(instances=n_instances, batch_size=batch, precision=precision)
    config = Config(model=ModelConfig(model, size["width"]), training=training)
    prepare = partial(_prepare, config, (side, side, 3), ways)
    return Case(name, size, prepare, reference=pytorch.ONE_BY_ONE)


def _prepare(config: Config, image_shape: pytorch.Shape, ways: Sequence[Execution]) -> Prepared:
    training, steps = config.training, steps_per_call()
    found: dict[str, Way | str] = {}
    for way in ways:
        name = way_name(way)
        if way.convolution in ("xla", "per_instance") and jax.default_backend() == "cpu":
            found[name] = "left out: a minute a step"
        else:
            call = TrainingCall(config, image_shape, way, steps)
            found[name] = Way(call, steps, compiles=True, compile=call.compile)
    # statistics of normalisation are changed in place, which `torch.func.vmap` does not support
    stacks = len(ways) > 1 and not config.model.is_module
    for name in (pytorch.ONE_BY_ONE, pytorch.UNDER_VMAP)[: 1 + stacks]:
        stacked = name == pytorch.UNDER_VMAP
        # of the networks that PyTorch trains one after the other, one is timed
        share = steps if stacked else steps / training.instances
        try:
            found[name] = Way(pytorch.training_call(config, image_shape, steps, stacked), share)
        except (ImportError, OSError, RuntimeError) as error:  # not installed, or broken
            found[name] = one_line(error)
    return found, None

"""The benchmark of training: ways to compute it, precision and growth with size, beside PyTorch."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import jax

from ensemble_rsa.bench import pytorch
from ensemble_rsa.bench.case import Case, Job, Size, Way, optional
from ensemble_rsa.bench.measure import Patience
from ensemble_rsa.bench.run import Bench, BenchRow, Progress, measure_all
from ensemble_rsa.config.settings import Config, ModelConfig, TrainingConfig
from ensemble_rsa.errors import unknown_name
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.convolution import CONVOLUTIONS
from ensemble_rsa.models.execution import Execution, candidates
from ensemble_rsa.training import memory
from ensemble_rsa.training.throughput import N_CATEGORIES, steps_per_call, training_call

RIVALS = {pytorch.ONE_BY_ONE: pytorch.one_by_one, pytorch.STACKED: pytorch.stacked}
WAYS = "ways to compute"
GROWTH = "growth with size"
PRECISIONS = ("float32", "tensorfloat32", "bfloat16")


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        instances: numbers over which the fastest way is followed; ways are compared at `at`.
        widths: the same for the factor on the number of channels.
        batches: the same for the batch.
        at: numbers of instances at which all ways are compared.
        base: what is kept while another axis varies, and `side`, that of the images.
        channels: of the images.
        steps: in a call, on a CPU.
        patience: how long it may take.
    """

    instances: tuple[int, ...]
    widths: tuple[float, ...]
    batches: tuple[int, ...]
    at: tuple[int, ...]
    base: Size
    patience: Patience
    channels: int = 3
    steps: int = 1


_CIFAR10 = {"instances": 4, "width": 1.0, "batch": 128, "side": 32}
_DIGITS = {"instances": 4, "width": 0.25, "batch": 32, "side": 8}
SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        "quick": Scale(
            (1, 4, 8), (0.125, 0.25), (32, 64), (4,), _DIGITS, Patience(5, 1.5), channels=1, steps=5
        ),
        "default": Scale(
            (1, 4, 10, 32), (0.25, 0.5, 1.0), (32, 64, 128), (4,), _CIFAR10, Patience(3, 12.0)
        ),
        "full": Scale(
            (1, 2, 4, 8, 16, 32), (0.25, 0.5, 1.0, 2.0), (32, 64, 128, 256), (1, 4, 10), _CIFAR10,
            Patience(5, 60.0),
        ),
    }
)  # fmt: skip


def bench_training(
    scale: str = "default", progress: Progress = lambda done, total, what: None
) -> Bench:
    """Measure training in all ways, then how the fastest one grows with instances, width and batch.

    Args:
        scale: `quick` (two minutes or so on two cores: digits, a quarter of the channels),
            `default` (ten minutes or more: the paper's sizes) or `full`.
        progress: called before each measurement.

    Raises:
        InputError: an unknown scale.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    chosen = SCALES[scale]
    ways = {"float32": all_ways()}
    first = [
        case
        for precision in precisions()
        for case in compare_ways(chosen, ways.get(precision, candidates()), precision)
    ]
    return measure_all(
        "train",
        scale,
        [lambda rows: first, lambda rows: growth(chosen, fastest(rows)[0])],
        len(first) + len(growth(chosen, candidates()[0])),
        chosen.patience,
        progress,
    )


def compare_ways(scale: Scale, ways: Sequence[Execution], precision: str) -> list[Case]:
    """Cases that set ways beside each other and beside PyTorch."""
    name = f"{WAYS} all_cnn_c, {precision}"
    sizes = [{**scale.base, "instances": n} for n in scale.at]
    return [_case(name, size, scale, ways, tuple(RIVALS), precision) for size in sizes]


def growth(scale: Scale, way: Execution) -> list[Case]:
    """Cases of several sizes, in float32, for one way and PyTorch."""
    axes = {"instances": scale.instances, "width": scale.widths, "batch": scale.batches}
    sizes = [{**scale.base, axis: n} for axis, numbers in axes.items() for n in numbers]
    once = [size for i, size in enumerate(sizes) if size not in sizes[:i]]
    rivals = (pytorch.ONE_BY_ONE,)
    return [_case(f"{GROWTH}, float32", size, scale, [way], rivals, "float32") for size in once]


def precisions() -> tuple[str, ...]:
    """Those that differ on the device that JAX uses."""
    return ("float32", "bfloat16") if jax.default_backend() == "cpu" else PRECISIONS


def all_ways() -> tuple[Execution, ...]:
    """Every convolution, in a loop over instances and under `vmap`; the device's candidates first.

    >>> {way.convolution for way in all_ways()} == set(CONVOLUTIONS)
    True
    """
    found = {way_name(way): way for way in candidates()}
    for convolution in CONVOLUTIONS:
        for size in (1, None):
            way = dataclasses.replace(
                candidates()[0], convolution=convolution, vmap_batch_size=size
            )
            found.setdefault(way_name(way), way)
    return tuple(found.values())


def way_name(way: Execution) -> str:
    """A way in two words.

    >>> way_name(Execution("patches", None)), way_name(Execution("xla", 2))
    ('patches, vmap', 'xla, vmap of 2')
    """
    size = way.vmap_batch_size
    return f"{way.convolution}, { {None: 'vmap', 1: 'loop'}.get(size, f'vmap of {size}') }"


def fastest(rows: Sequence[BenchRow]) -> list[Execution]:
    """All ways, sorted by their seconds in the first comparison; those without a figure last."""
    compared = [row for row in rows if row.case.startswith(WAYS)]
    first = [
        row for row in compared if (row.case, row.size) == (compared[0].case, compared[0].size)
    ]
    seconds = {row.way: row.seconds or math.inf for row in first}
    return sorted(all_ways(), key=lambda way: seconds.get(way_name(way), math.inf))


def make_config(size: Size, precision: str = "float32") -> Config:
    """The paper's recipe for All-CNN-C at some size."""
    training = TrainingConfig(
        instances=int(size["instances"]),
        batch_size=int(size["batch"]),
        precision=precision,  # pyright: ignore[reportArgumentType]
    )
    return Config(model=ModelConfig("all_cnn_c", size["width"]), training=training)


def _case(
    name: str,
    size: Size,
    scale: Scale,
    ways: Sequence[Execution],
    rivals: Sequence[str],
    precision: str,
) -> Case:
    image_shape = (int(size["side"]), int(size["side"]), scale.channels)
    config, steps = make_config(size, precision), steps_per_call(scale.steps)
    prepare = partial(_prepare, config, image_shape, steps, ways, rivals)
    return Case(name, size, prepare, reference=pytorch.ONE_BY_ONE)


def _prepare(
    config: Config,
    image_shape: tuple[int, int, int],
    steps: int,
    ways: Sequence[Execution],
    rivals: Sequence[str],
) -> Job:
    found: dict[str, Way | str] = {}
    for way in ways:
        why_not = _hopeless(way) or _too_large(config, image_shape, way)
        found[way_name(way)] = why_not or Way(
            training_call(config, image_shape, way, steps), steps, compiles=True
        )
    for name in rivals:
        try:
            found[name] = optional(_rival, name, config, image_shape, steps)
        except (OSError, RuntimeError) as error:  # a broken installation
            found[name] = f"failed: {error}".splitlines()[0][:200]
    return Job(found)


def _rival(name: str, config: Config, image_shape: tuple[int, int, int], steps: int) -> Way:
    # of networks that PyTorch trains one after the other, one is timed
    trained_of = config.training.instances if name == pytorch.ONE_BY_ONE else 1
    return Way(RIVALS[name](config, image_shape, steps), steps / trained_of)


def _hopeless(way: Execution) -> str:
    """Why a way is not even tried on this device; empty where it is."""
    if way.convolution == "xla" and jax.default_backend() == "cpu":
        return "left out: a minute a step"  # its gradients, inside a loop
    return ""


def _too_large(config: Config, image_shape: tuple[int, int, int], way: Execution) -> str:
    """Why a way cannot be tried with the memory there is; empty where it can."""
    training = config.training
    blueprint = Blueprint(
        config.model, image_shape, N_CATEGORIES, way.convolution, training.precision
    )
    together = min(training.instances, way.vmap_batch_size or training.instances)
    maps = memory.MAPS.get(way.convolution, memory.MAPS_OTHERWISE)
    needed = training.instances * memory.STATES * memory.parameter_bytes(blueprint)
    needed += together * maps * memory.map_bytes(blueprint, training.batch_size)
    free = memory.SHARE * memory.free_bytes()
    if needed <= free:
        return ""
    return f"left out: may need {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} are free"

"""How convolutions are computed and instances mapped, with candidates for each kind of device.

The first candidate is the default; for long trainings `training.choice` measures which is fastest.
On a CPU the default compiles in a quarter of the time of Winograd tiles, which then need 0.75 of
its time for a step, in parts of a batch; for some small networks plain gradients under `vmap` are
fastest, and narrow ones leave cores idle unless each has instances of its own
(benchmarks/README.md). All are without XLA's newer CPU convolution library. The order for GPU and
TPU is that of programs compiled for an H100 (`ensemble-rsa bench compile`,
docs/explanation/accelerators.md); the first was run on an H200, the others were not.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import jax

from ensemble_rsa.errors import RunError
from ensemble_rsa.jax_settings import fixed_settings, n_cores

# Instances whose convolutions are unrolled in one program, the others in a loop: with more,
# compiling takes longer in proportion, and a step is as fast.
UNROLLED = 10
# Switches off the library to which jaxlib 0.10 sends convolutions, whose gradients are slow.
OLD_CPU_CONVOLUTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}
# Keeps XLA from handing parts of an elementwise operation to other threads. See
# `side_by_side_options`.
LOOPS_ON_ONE_THREAD = {"xla_disable_hlo_passes": "cpu-parallel-task-assigner"}


@dataclass(frozen=True)
class Execution:
    """How an ensemble is computed.

    Attributes:
        convolution: one of `ensemble_rsa.models.convolution.CONVOLUTIONS`.
        vmap_batch_size: how many instances go through `vmap` together; None for all.
        compiler_options: passed to `jax.jit`.
        in_parts: whether a batch goes through the network in parts of a few images, whose gradients
            are averaged.
        devices: at most how many of the machine's devices share the instances; None for all.
    """

    convolution: str
    vmap_batch_size: int | None
    compiler_options: dict[str, str] = field(default_factory=dict)
    in_parts: bool = False
    devices: int | None = None

    def as_record(self) -> dict[str, Any]:
        """Plain values for a manifest, in which `vmap_batch_size` is called `at_once`.

        `loops_on_one_thread` says that several CPU devices had `side_by_side_options`.
        """
        return {
            "convolution": self.convolution,
            "at_once": self.vmap_batch_size,
            "compiler_options": self.compiler_options,
            "in_parts": self.in_parts,
            "devices": self.devices,
            "loops_on_one_thread": self.devices != 1 and jax.default_backend() == "cpu",
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Execution":
        """The inverse of `as_record`.

        >>> Execution.from_record(Execution("patches", 2).as_record()) == Execution("patches", 2)
        True
        """
        in_parts = record.get("in_parts", False)  # earlier versions had whole batches only
        # and took a CPU for one device
        devices = record.get("devices", 1 if jax.default_backend() == "cpu" else None)
        way = record["convolution"], record["at_once"], record["compiler_options"]
        return cls(*way, in_parts, devices)


# Native convolutions of several instances side by side, or of one after the other in the least
# memory; convolutions in groups and products of patches for narrow networks, whose kernels are so
# short that starting many takes longer than running them.
ON_ACCELERATORS = (
    Execution("per_instance", UNROLLED),
    Execution("xla", 1),
    Execution("xla", None),
    Execution("patches", None),
)


@fixed_settings()
def candidates() -> tuple[Execution, ...]:
    """Candidates for the device that JAX uses, the default first."""
    first = _first_candidates()
    if jax.default_backend() != "cpu" or jax.local_device_count() == 1:
        return first
    if not _heeded():
        warnings.warn(f"{_not_heeded()}; training uses one of them", stacklevel=2)
        return first
    return (*first, *(replace(way, devices=None) for way in first if way.vmap_batch_size == 1))


@fixed_settings()
def default_execution() -> Execution:
    """The first candidate for the device that JAX uses."""
    return _first_candidates()[0]


def _first_candidates() -> tuple[Execution, ...]:
    """All but those for several CPU devices."""
    if jax.default_backend() != "cpu":
        return ON_ACCELERATORS
    older = _accepted(OLD_CPU_CONVOLUTIONS)
    return (
        Execution("plain_gradients", 1, older, devices=1),
        Execution("winograd", 1, older, in_parts=True, devices=1),
        Execution("plain_gradients", None, older, devices=1),
    )


def side_by_side_options() -> dict[str, str]:
    """Compiler options for programs that run on several devices of one process at a time.

    On a CPU without them, convolutions give wrong numbers without notice after some 1,000 in one
    call (jaxlib 0.9.2 and 0.10.2; docs/explanation/cpu_devices.md).

    Raises:
        RunError: this jaxlib does not heed them.
    """
    if jax.default_backend() != "cpu":
        return {}
    if not _heeded():
        raise RunError(f"{_not_heeded()}; train with devices=1 (`--devices 1`)")
    return LOOPS_ON_ONE_THREAD


@cache
def _heeded() -> bool:
    """Whether an operation that is spread over several threads otherwise stays on one.

    XLA spreads nothing where the process may use one core only.
    """

    def is_spread(options: dict[str, str]) -> bool:
        large = jax.ShapeDtypeStruct((1 << 22,), jax.numpy.float32)
        compiled = jax.jit(jax.numpy.tanh, compiler_options=options).lower(large).compile()
        return "outer_dimension_partitions" in (compiled.as_text() or "")

    return (is_spread({}) or n_cores() == 1) and not is_spread(LOOPS_ON_ONE_THREAD)


def _not_heeded() -> str:
    return (
        f"jax {jax.__version__}: does not heed {LOOPS_ON_ONE_THREAD}, without which several CPU "
        "devices side by side can compute wrong numbers"
    )


@cache
def _known(option: str, value: str) -> bool:
    """Whether this jaxlib has a compiler option (experimental ones may disappear)."""
    try:
        jax.jit(lambda x: x, compiler_options={option: value})(0)
    except jax.errors.JaxRuntimeError:
        warnings.warn(
            f"this jaxlib has no compiler option {option}, so training may be slower than it "
            "could be; jax 0.10 has it",
            stacklevel=4,
        )
        return False
    return True


def _accepted(options: dict[str, str]) -> dict[str, str]:
    return {option: value for option, value in options.items() if _known(option, value)}

"""What differs from device to device: how convolutions are computed, instances mapped.

Measured on a CPU with two cores (see benchmarks/README.md): one instance after the other with
gradients written as plain convolutions, and XLA's newer CPU convolution library switched off, is
several times faster than `vmap`. On GPU and TPU all instances go through `vmap`; that choice has
not been measured here.
"""

import os
import warnings
from dataclasses import dataclass, field
from functools import cache

import jax

# Switches off the library to which jaxlib 0.10 sends convolutions, whose gradients are slow.
OLD_CPU_CONVOLUTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}


@dataclass(frozen=True)
class Execution:
    """How a stack of networks is run.

    Attributes:
        convolution: one of `ensemble_rsa.models.convolution.CONVOLUTIONS`.
        at_once: how many instances go through `vmap` together; None for all.
        compiler_options: passed to `jax.jit`.
    """

    convolution: str
    at_once: int | None
    compiler_options: dict[str, str] = field(default_factory=dict)


def default_execution() -> Execution:
    """The choices for the device that JAX will use."""
    if jax.default_backend() == "cpu":
        return Execution("plain_gradients", 1, _accepted(OLD_CPU_CONVOLUTIONS))
    return Execution("xla", None)


@cache
def _known(option: str, value: str) -> bool:
    """Whether this jaxlib has a compiler option; experimental ones come and go."""
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


def device_name() -> str:
    """The devices in words, such as "cpu with 2 cores" or "4 × NVIDIA H100"."""
    kind = jax.devices()[0].device_kind
    return f"cpu with {os.cpu_count()} cores" if kind == "cpu" else f"{jax.device_count()} × {kind}"

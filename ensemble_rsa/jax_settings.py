"""The settings of JAX on which results depend, fixed for this package's own computations.

JAX takes them from environment variables and from `jax.config`, so without this a seed would give
other networks on another account. The user's settings apply again after each computation, and to
functions of the user's that are called in between.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import jax

from ensemble_rsa.errors import RunError

PRNG = "threefry2x32"  # the implementation of every random key
RANDOM_NUMBERS = f"{PRNG}, partitionable"  # as manifests name it


@contextmanager
def fixed_settings(x64: bool = False) -> Iterator[None]:
    """Compute with these settings of JAX within the block; also a decorator, with its brackets.

    Precision, type promotion and random numbers are JAX's defaults, products are float32 where
    nothing else is said, and debugging modes (NaN checks, no `jit`) are off. `x64` allows 64-bit
    types.

    Raises:
        RunError: JAX finds none of the platforms that it was told to use.

    >>> with jax.enable_x64(True), fixed_settings():
    ...     print(jax.numpy.zeros(1).dtype)
    float32
    """
    check_platform()
    with ExitStack() as stack:
        for setting in (
            jax.enable_x64(x64),
            jax.numpy_dtype_promotion("standard"),
            jax.threefry_partitionable(True),
            jax.default_prng_impl(PRNG),
            jax.default_matmul_precision("float32"),
            jax.debug_key_reuse(False),
            jax.debug_nans(False),
            jax.debug_infs(False),
            jax.disable_jit(False),
            jax.transfer_guard("allow"),
        ):
            stack.enter_context(setting)
        yield


def use_cores() -> None:
    """Make each core a device of JAX, on which instances can train side by side.

    Only before JAX has started, and unless the environment says how many devices a CPU has.
    """
    given = jax.config.jax_num_cpu_devices  # pyright: ignore[reportAttributeAccessIssue]
    if given == -1 and "host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with suppress(RuntimeError):  # JAX has started
            jax.config.update("jax_num_cpu_devices", n_cores())


def n_cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS or Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def check_platform() -> None:
    """Raise a `RunError` if JAX finds no device of the platforms that it was told to use."""
    try:
        jax.default_backend()
    except (RuntimeError, AssertionError) as error:  # the latter for a GPU without its plugin
        asked = jax.config.jax_platforms  # pyright: ignore[reportAttributeAccessIssue]
        reason = str(error).partition("\n")[0] or "no plugin for it is installed"
        raise RunError(
            f"JAX_PLATFORMS: JAX cannot use {asked!r} here ({reason}); unset it, or set it to cpu"
        ) from None

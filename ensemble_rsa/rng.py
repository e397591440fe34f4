"""Random keys, generators and draws: one named stream per purpose, derived from a seed.

An instance's key depends on its seed alone, so a network does not depend on the ensemble's size.
Keys and draws are of one implementation (`ensemble_rsa.jax_settings`) whatever the settings of JAX.
"""

import zlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from ensemble_rsa.arrays import is_whole
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.jax_settings import PRNG, fixed_settings


@fixed_settings()
def stream(seed: int | np.integer | Array, purpose: str) -> Key[Array, ""]:
    """The key of `seed` for one `purpose` ("init", "order", "dropout", …).

    >>> bool((stream(0, "init") == stream(0, "order")))
    False
    """
    # Not from jax.random.key, which JAX_RANDOM_SEED_OFFSET shifts and 64-bit types change.
    low = np.uint32(int(seed) % 2**32) if isinstance(seed, int | np.integer) else seed
    low = jnp.asarray(low).astype(jnp.uint32)
    key = jax.random.wrap_key_data(jnp.stack([jnp.zeros_like(low), low]), impl=PRNG)
    return jax.random.fold_in(key, zlib.crc32(purpose.encode()))


def host_stream(seed: int, purpose: str) -> np.random.Generator:
    """A NumPy generator seeded by `stream`, for draws of many shapes.

    Numbers are drawn on the host, so they are the same on every backend, and a new shape needs no
    compilation. Drawing in parts gives the same numbers as drawing at once.

    Raises:
        InputError: not a whole number of 32 bits, as JAX would ignore further bits.

    >>> host_stream(0, "order").integers(10, size=3).tolist()
    [1, 5, 9]
    """
    if not is_whole(seed) or not -(2**31) <= seed < 2**32:
        raise InputError(f"seed: expected a whole number of 32 bits, got {shown(seed)}")
    return np.random.default_rng(np.asarray(jax.random.key_data(stream(seed, purpose))))


@fixed_settings()
def uniform(key: Key[Array, ""], shape: Sequence[int]) -> Float[Array, "..."]:
    """Uniform numbers from 0 to below 1."""
    return jax.random.uniform(key, shape)


@fixed_settings()
def permutation(key: Key[Array, ""], n: int) -> Int[Array, " n"]:
    """The numbers from 0 to below `n` in random order."""
    return jax.random.permutation(key, n)


@fixed_settings()
def bernoulli(
    key: Key[Array, ""], probability: Float[Array, ""] | float, shape: Sequence[int]
) -> Bool[Array, "..."]:
    """Independent draws that are true with a probability."""
    return jax.random.bernoulli(key, probability, shape)

"""Random keys and generators: one named stream per purpose, derived from a seed.

An instance's key depends on its seed alone, so a network does not depend on the ensemble's size.
"""

import zlib

import jax
import numpy as np
from jaxtyping import Array, Key

from ensemble_rsa.arrays import is_whole
from ensemble_rsa.errors import InputError, shown


def stream(seed: int | Array, purpose: str) -> Key[Array, ""]:
    """The key of `seed` for one `purpose` ("init", "order", "dropout", …).

    >>> bool((stream(0, "init") == stream(0, "order")))
    False
    """
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(purpose.encode()))


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

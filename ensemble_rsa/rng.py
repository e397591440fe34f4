"""Where random keys are born: one stream per purpose, named, never split by order.

An instance's key hangs on its seed alone, so a network is the same whatever the ensemble's size.
"""

import zlib

import jax
import numpy as np
from jaxtyping import Array, Key

from ensemble_rsa.errors import InputError


def stream(seed: int | Array, purpose: str) -> Key[Array, ""]:
    """The key of `seed` for one `purpose` ("init", "order", "dropout", …).

    >>> bool((stream(0, "init") == stream(0, "order")))
    False
    """
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(purpose.encode()))


def host_stream(seed: int, purpose: str) -> np.random.Generator:
    """A NumPy generator seeded by `stream`, for draws of many shapes.

    Its numbers are made on the host, so they are the same on every backend, and a new shape needs
    no compilation (threefry takes a second for each). Drawing in parts gives what drawing at once
    would.

    Raises:
        InputError: not a whole number of 32 bits; more bits would not be heeded.

    >>> host_stream(0, "order").integers(10, size=3).tolist()
    [1, 5, 9]
    """
    if not isinstance(seed, int | np.integer) or not -(2**31) <= seed < 2**32:
        raise InputError(f"seed: expected a whole number of 32 bits, got {seed!r}")
    return np.random.default_rng(np.asarray(jax.random.key_data(stream(seed, purpose))))

"""Where random keys are born: one stream per purpose, named, never split by order.

An instance's key hangs on its seed alone, so a network is the same whatever the ensemble's size.
"""

import zlib

import jax
from jaxtyping import Array, Key


def stream(seed: int | Array, purpose: str) -> Key[Array, ""]:
    """The key of `seed` for one `purpose` ("init", "order", "dropout", …).

    >>> bool((stream(0, "init") == stream(0, "order")))
    False
    """
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(purpose.encode()))

"""Bernoulli dropout whose masks depend on key, layer and image, but not on the instance."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ensemble_rsa.rng import bernoulli


class Dropout(NamedTuple):
    """Bernoulli dropout of one forward pass.

    Attributes:
        rate: probability of a zero.
        key: of the masks.
        part, parts: which of how many equal parts of a batch this is; masks are drawn for the
            whole batch, so that they do not depend on how it is split over devices.
        one_mask: the same mask for every image, instead of one each.
    """

    rate: Float[Array, ""] | float
    key: Key[Array, ""]
    part: Int[Array, ""] | int = 0
    parts: int = 1
    one_mask: bool = False


def drop_out(
    x: Float[Array, "stimulus ..."], dropout: Dropout, layer: int
) -> Float[Array, "stimulus ..."]:
    """Activations with the masked units set to 0 and the others scaled up to keep the mean."""
    kept = 1.0 - dropout.rate
    n, *shape = x.shape
    key = jax.random.fold_in(dropout.key, layer)
    drawn = 1 if dropout.one_mask else dropout.parts * n
    mask = bernoulli(key, kept, (drawn, *shape))
    if not dropout.one_mask:
        mask = jax.lax.dynamic_slice_in_dim(mask, dropout.part * n, n)
    return jnp.where(mask, x / kept, 0.0).astype(x.dtype)

"""Augmentation on the device: mirrored and shifted images, drawn for each image of a batch.

Pixels are changed before preprocessing. All instances see the same changed images.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, UInt8

from ensemble_rsa.config.settings import TrainingConfig
from ensemble_rsa.rng import bernoulli


def augment(
    images: UInt8[Array, "image height width channel"],
    key: Key[Array, ""],
    config: TrainingConfig,
    part: Int[Array, ""] | int = 0,
    parts: int = 1,
) -> UInt8[Array, "image height width channel"]:
    """Images of a batch, each mirrored with probability ½ and shifted, as the recipe says.

    A shift is drawn evenly from −`shift` to `shift` pixels in both directions; the pixels at the
    border are repeated (ours). `images` may be one of several equal parts of the batch: draws are
    made for the whole batch, so that they do not depend on how it is spread over devices.
    """
    of_flip, of_shift = jax.random.split(key)
    n, height, width, channels = images.shape
    own = lambda draws: jax.lax.dynamic_slice_in_dim(draws, part * n, n)
    if config.flip:
        mirrored = own(bernoulli(of_flip, 0.5, (parts * n, 1, 1, 1)))
        images = jnp.where(mirrored, images[:, :, ::-1], images)
    if config.shift:
        most = config.shift
        padded = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
        corners = own(jax.random.randint(of_shift, (parts * n, 2), 0, 2 * most + 1))
        cut = lambda image, corner: jax.lax.dynamic_slice(
            image, (corner[0], corner[1], jnp.zeros_like(corner[0])), (height, width, channels)
        )
        images = jax.vmap(cut)(padded, corners)
    return images

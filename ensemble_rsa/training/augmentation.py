"""Augmentation on the device: mirrored and shifted images, drawn for each image of a batch.

Pixels are changed before preprocessing. All instances see the same changed images.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, UInt8

from ensemble_rsa.config.settings import TrainingConfig
from ensemble_rsa.rng import bernoulli


def augment(
    images: UInt8[Array, "image height width channel"], key: Key[Array, ""], config: TrainingConfig
) -> UInt8[Array, "image height width channel"]:
    """Images of a batch, each mirrored with probability ½ and shifted, as the recipe says.

    A shift is drawn evenly from −`shift` to `shift` pixels in both directions; the pixels at the
    border are repeated (ours).
    """
    of_flip, of_shift = jax.random.split(key)
    n, height, width, channels = images.shape
    if config.flip:
        mirrored = bernoulli(of_flip, 0.5, (n, 1, 1, 1))
        images = jnp.where(mirrored, images[:, :, ::-1], images)
    if config.shift:
        most = config.shift
        padded = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
        corners = jax.random.randint(of_shift, (n, 2), 0, 2 * most + 1)
        cut = lambda image, corner: jax.lax.dynamic_slice(
            image, (corner[0], corner[1], jnp.zeros_like(corner[0])), (height, width, channels)
        )
        images = jax.vmap(cut)(padded, corners)
    return images

"""Augmentation on the device: images that are mirrored, shifted, partly covered, or mixed.

What is drawn is drawn for each image of a batch. Pixels are changed before preprocessing, mixed
after it. All instances with one augmentation seed see the same images.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from ensemble_rsa.config.settings import TrainingConfig
from ensemble_rsa.rng import bernoulli

GREY = 128  # of covered pixels, between 0 and 255


def augment(
    images: UInt8[Array, "image height width channel"],
    key: Key[Array, ""],
    config: TrainingConfig,
    part: Int[Array, ""] | int = 0,
    parts: int = 1,
) -> UInt8[Array, "image height width channel"]:
    """Images of a batch, each mirrored with probability ½, shifted and covered, as the recipe says.

    A shift is drawn evenly from −`shift` to `shift` pixels in both directions; the pixels at the
    border are repeated (ours). A grey square of `cutout` pixels has its centre anywhere in the
    image (DeVries and Taylor 2017, arXiv:1708.04552). `images` may be one of several equal parts of
    the batch: draws are made for the whole batch, so that they do not depend on how it is spread
    over devices.
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
    if config.cutout:
        of_centre = jax.random.fold_in(key, 2)
        centres = own(
            jax.random.randint(of_centre, (parts * n, 2), 0, jnp.array([[height, width]]))
        )
        first = centres - config.cutout // 2
        covered = lambda axis, length: _within(
            jnp.arange(length), first[:, axis, None], config.cutout
        )
        both = covered(0, height)[:, :, None] & covered(1, width)[:, None, :]
        images = jnp.where(both[..., None], jnp.uint8(GREY), images)
    return images


def mixing(
    key: Key[Array, ""], config: TrainingConfig, n_images: int
) -> tuple[Int[Array, " image"], Float[Array, ""]]:
    """With which image of the batch each is mixed, and the share that it keeps.

    The share is one for the batch, drawn from Beta(`mixup`, `mixup`) (Zhang et al. 2018,
    arXiv:1710.09412).
    """
    of_partners, of_share = jax.random.split(jax.random.fold_in(key, 3))
    return (
        jax.random.permutation(of_partners, n_images),
        jax.random.beta(of_share, config.mixup, config.mixup),
    )


def _within(places: Array, first: Array, length: int) -> Bool[Array, "image place"]:
    return (places[None] >= first) & (places[None] < first + length)

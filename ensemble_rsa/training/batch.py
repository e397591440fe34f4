"""The batch of a step: images gathered on the device, augmented, preprocessed, and their labels."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, UInt8, UInt32

from ensemble_rsa.config.settings import TrainingConfig, changes_images, shared_seeds
from ensemble_rsa.data.preprocessing import Preprocessing, apply_preprocessing
from ensemble_rsa.models.devices import BATCH
from ensemble_rsa.rng import stream
from ensemble_rsa.training.augmentation import augment, mixing
from ensemble_rsa.training.gradient import Targets


class StepSeeds(NamedTuple):
    """Seeds of what is drawn in a step; the program does not depend on them.

    `dropout` is that of the masks, `augmentation` that of all that is drawn for images.
    """

    dropout: UInt32[Any, ""]
    augmentation: UInt32[Any, ""]

    @classmethod
    def of(cls, config: TrainingConfig) -> "StepSeeds":
        """Those of a recipe whose instances share them."""
        return cls(*(np.uint32(int(seed) % 2**32) for seed in shared_seeds(config)[1:]))


class DeviceImages(NamedTuple):
    """Images on the device as stored, with their preprocessing."""

    images: UInt8[Array, "image height width channel"]
    labels: Int[Array, " image"]
    preprocessing: Preprocessing


def make_batch(
    data: DeviceImages,
    chosen: Int[Array, " image"],
    n_before: Int[Array, ""] | int,
    seeds: StepSeeds,
    config: TrainingConfig,
    place: tuple[Any, int],
) -> tuple[Float[Array, "image height width channel"], Targets]:
    """Preprocessed images of a step and their labels, changed as the recipe says.

    Args:
        data: all images.
        chosen: which of them; one of several equal parts of the batch, on as many devices.
        n_before: steps before this one.
        seeds: of what is drawn.
        config: the recipe.
        place: which part of the batch this is, and of how many.
    """
    key = jax.random.fold_in(stream(seeds.augmentation, "augmentation"), n_before)
    part, parts = place

    def prepared(numbers: Array) -> Array:
        images = data.images[numbers]
        if changes_images(config):
            images = augment(images, key, config, part, parts)
        return apply_preprocessing(data.preprocessing, images)

    batch, labels = prepared(chosen), data.labels[chosen]
    if not config.mixup:
        return batch, Targets(labels)
    whole = chosen if parts == 1 else jax.lax.all_gather(chosen, BATCH, tiled=True)
    partners, kept = mixing(key, config, len(whole))
    n = len(chosen)
    others = whole[jax.lax.dynamic_slice_in_dim(partners, part * n, n)]
    # the other image is mirrored, shifted and covered like the first
    mixed = kept * batch + (1 - kept) * prepared(others)
    return mixed, Targets(labels, data.labels[others], kept)

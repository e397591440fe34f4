"""Stimuli: test images, the same number from every category, that all instances are shown."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int64, UInt8

from ensemble_rsa.arrays import check_count
from ensemble_rsa.config.analysis import StimulusConfig
from ensemble_rsa.data.balance import rank_in_category
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import stream, uniform

DEFAULT_STIMULI = 1000  # as in the paper: 100 of each CIFAR-10 category


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Images that are shown to the networks, sorted by category.

    Attributes:
        images: pixels `(stimulus, height, width, channel)`, 0 … 255.
        labels: category numbers `(stimulus,)`, ascending.
        ids: one name for each stimulus.
        categories: names in sorted order; labels index them.
    """

    images: UInt8[np.ndarray, "stimulus height width channel"]
    labels: Int64[np.ndarray, " stimulus"]
    ids: tuple[str, ...]
    categories: tuple[str, ...]


def choose_stimuli(dataset: Dataset, config: StimulusConfig) -> Stimuli:
    """Choose test images, the same number of each category.

    They are the first of each category, or with `draw_stimuli` a draw without replacement, sorted
    by category, then in the order of the data set. Without a number of stimuli there are 1000, or
    as many as the smallest category allows. `stimulus_map` is for `load_dataset`.

    >>> from ensemble_rsa.config.settings import DataConfig
    >>> from ensemble_rsa.data.dataset import load_dataset
    >>> stimuli = choose_stimuli(load_dataset(DataConfig("digits")), StimulusConfig(20))
    >>> stimuli.labels.tolist()[:5], stimuli.ids[0]
    ([0, 0, 1, 1, 2], 'digits_0036')
    """
    labels = dataset.test_labels
    chosen = balanced_stimuli(labels, dataset.categories, config)
    return Stimuli(
        images=dataset.test_images[chosen],
        labels=labels[chosen],
        ids=tuple(dataset.test_ids[index] for index in chosen),
        categories=dataset.categories,
    )


def balanced_stimuli(
    labels: Int[np.ndarray, " image"], categories: tuple[str, ...], config: StimulusConfig
) -> Int[np.ndarray, " chosen"]:
    """Return which images `choose_stimuli` shows, sorted by category, then in their order."""
    available = np.bincount(labels, minlength=len(categories))
    per_category = _per_category(config.stimuli, available, categories)
    lots = None
    if config.draw_stimuli:  # the lowest k lots of a category are a draw without replacement
        lots = np.asarray(uniform(stream(config.stimulus_seed, "stimuli"), labels.shape))
    chosen = np.flatnonzero(rank_in_category(labels, lots) < per_category)
    return chosen[np.argsort(labels[chosen], kind="stable")]


def _per_category(
    n: int | None, available: Int[np.ndarray, " category"], categories: tuple[str, ...]
) -> int:
    """How many stimuli to take from each category."""
    n_categories, scarcest = len(categories), int(np.argmin(available))
    fewest = int(available[scarcest])
    if fewest == 0:
        raise InputError(f"stimuli: category {categories[scarcest]!r} has no test images to show")
    if n is None:
        return min(max(1, DEFAULT_STIMULI // n_categories), fewest)
    each, remainder = divmod(check_count("stimuli", n, 1), n_categories)
    largest = fewest * n_categories
    if n > largest:
        raise InputError(
            f"stimuli: expected at most {largest}, {fewest} of each of {n_categories} categories "
            f"({categories[scarcest]!r} has no more test images), got {n}"
        )
    if remainder:
        near = [k * n_categories for k in (each, each + 1) if 0 < k <= fewest]
        raise InputError(
            f"stimuli: expected the same number of each of {n_categories} categories, "
            f"such as {' or '.join(map(str, near))}, got {n}"
        )
    return each

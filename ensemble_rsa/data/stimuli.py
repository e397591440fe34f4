"""The stimuli: test images in equal numbers from every category, shown to every instance."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Int, Int64, UInt8

from ensemble_rsa.data.balance import check_count, rank_in_category
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.rng import stream

DEFAULT_STIMULI = 1000  # as in the paper: 100 of each CIFAR-10 category


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Images that activations and RDMs are made of, sorted by category.

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


def _first(labels: np.ndarray, seed: int) -> np.ndarray:
    """Ranks in the data set's own order."""
    return rank_in_category(labels)


def _draw(labels: np.ndarray, seed: int) -> np.ndarray:
    """Ranks in a shuffled order: the lowest k of a category are a draw without replacement."""
    lots = np.asarray(jax.random.uniform(stream(seed, "stimuli"), labels.shape))
    return rank_in_category(labels, lots)


CHOICES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"first": _first, "draw": _draw}


def choose_stimuli(
    dataset: Dataset, n: int | None = None, how: str = "first", seed: int = 0
) -> Stimuli:
    """Choose test images, the same number of each category; training images never serve.

    Args:
        dataset: where they come from.
        n: how many in all, a multiple of the number of categories; None for 1000, or as many as
            the smallest category allows.
        how: `first` takes the first n/categories of each category in the data set's own order
            (our choice: which images the paper showed is not known), `draw` a seeded draw without
            replacement.
        seed: what `draw` hangs on.

    Returns:
        Stimuli sorted by category, then by the data set's own order.

    Raises:
        InputError: an unknown `how`, a category without test images, or an `n` that does not divide
            or is too large.

    >>> from ensemble_rsa.data.dataset import load_dataset
    >>> stimuli = choose_stimuli(load_dataset("digits"), 20)
    >>> stimuli.labels.tolist()[:5], stimuli.ids[0]
    ([0, 0, 1, 1, 2], 'digits_0036')
    """
    if how not in CHOICES:
        raise unknown_name("how", how, CHOICES)
    labels, n_categories = dataset.test_labels, len(dataset.categories)
    per_category = _per_category(n, np.bincount(labels, minlength=n_categories), dataset.categories)
    chosen = np.flatnonzero(CHOICES[how](labels, seed) < per_category)
    chosen = chosen[np.argsort(labels[chosen], kind="stable")]
    return Stimuli(
        images=dataset.test_images[chosen],
        labels=labels[chosen],
        ids=tuple(dataset.test_ids[index] for index in chosen),
        categories=dataset.categories,
    )


def _per_category(
    n: int | None, available: Int[np.ndarray, " category"], categories: tuple[str, ...]
) -> int:
    """How many stimuli each category gives."""
    n_categories, scarcest = len(categories), int(np.argmin(available))
    fewest = int(available[scarcest])
    if fewest == 0:
        raise InputError(f"stimuli: category {categories[scarcest]!r} has no test images to show")
    if n is None:
        return min(max(1, DEFAULT_STIMULI // n_categories), fewest)
    each, remainder = divmod(check_count("stimuli", n), n_categories)
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

"""Images that are held out for tests, where a data set does not say which."""

import numpy as np
from jaxtyping import Bool, Int

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.balance import rank_in_category
from ensemble_rsa.data.category_map import category_groups, grouped_categories
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import stream, uniform


def held_out(
    folders: Int[np.ndarray, " image"], names: tuple[str, ...], config: DataConfig
) -> Bool[np.ndarray, " image"]:
    """Which images are test images: a fraction of each category, at least one, never all.

    `folders` are numbers of `names`: those of folders, or of categories. Images of folders that the
    mapping of categories leaves out are test images.
    """
    groups = category_groups(config.category_map)
    categories, of_folder = grouped_categories(names, groups)
    known = of_folder[folders] >= 0
    labels = of_folder[folders[known]]
    counts = np.bincount(labels)
    smallest = int(np.argmin(counts))
    if counts[smallest] < 2:
        raise InputError(
            f"dataset: expected at least 2 images of each category, one to train on and one to "
            f"test on, but {categories[smallest]!r} has {counts[smallest]}"
        )
    n_test = np.clip(np.rint(counts * config.test_fraction).astype(np.int64), 1, counts - 1)
    lots = np.asarray(uniform(stream(0, "held_out"), labels.shape))
    chosen = ~known
    chosen[known] = rank_in_category(labels, lots) < n_test[labels]
    return chosen

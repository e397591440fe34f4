"""Where images lie on this machine, and how AlexNet's folders are grouped into categories."""

from dataclasses import dataclass
from pathlib import Path

from ensemble_rsa.data.category_map import grouped_categories, read_category_map
from ensemble_rsa.errors import InputError


@dataclass(frozen=True)
class ImageLocations:
    """Where images lie on this machine.

    Attributes:
        data_dir: of TFDS, for CIFAR-10.
        folder: of large images, for AlexNet; None for the default images of the scale.
        category_map: which of its folders form a category: those of the stimuli at the paper's
            scale, below it also those that AlexNet learns. When not given: where the folders are
            ImageNet's, `cifar10` at the paper's scale, `animals` at medium and small, and `broad`
            at smoke; else each folder is a category.
    """

    data_dir: str | None = None
    folder: Path | None = None
    category_map: str | None = None


def map_of_folder(images: ImageLocations, usual: str) -> str | None:
    """The category map that was given, else `usual` if the folder has ImageNet's names in it.

    None where each folder is a category. No such folder, a map without a folder, and folders that
    are missing are an `InputError`.
    """
    place, given = images.folder, images.category_map
    if place is None and given is None:
        return None
    if place is None:
        raise InputError(
            "category_map: it groups the folders of --image-folder, which is not given; give "
            "both or neither"
        )
    folders = _subfolders(place)
    if given is not None:
        grouped_categories(folders, read_category_map(given))  # raises if one is missing
        return given
    named = {name for parts in read_category_map(usual).values() for name in parts}
    missing = sorted(named - {*folders})
    if len(missing) == len(named):
        return None
    if missing:
        raise InputError(
            f"image_folder: {place} has some of the folders of ten ImageNet categories, but not "
            f"{missing[0]} ({len(missing)} of {len(named)} are missing); add them, or give a JSON "
            'file {"category": ["folder", …], …} as --category-map'
        )
    return usual


def _subfolders(place: Path) -> list[str]:
    """Names of the category folders, which are in `train` if the images are split."""
    if not place.is_dir():
        raise InputError(f"image_folder: no such folder {place}")
    if (place / "train").is_dir() and (place / "test").is_dir():
        place = place / "train"
    return sorted(entry.name for entry in place.iterdir() if entry.is_dir())

"""Generated images for AlexNet at the smallest scale, where no image folder is given."""

from pathlib import Path

import numpy as np
from PIL import Image

from ensemble_rsa.files import atomic_folder
from ensemble_rsa.rng import host_stream

CATEGORIES, PER_CATEGORY, SIDE = 10, 8, 96


def write_images(folder: Path) -> Path:
    """Write ten category folders of coloured gratings, unless the folder exists; return it.

    The orientation and frequency of the gratings give their category; the images of a category
    differ in phase, colour and noise.
    """
    if folder.is_dir():
        return folder
    with atomic_folder(folder) as partial:
        draws = host_stream(0, "generated images")
        for category in range(CATEGORIES):
            place = partial / f"grating{category}"
            place.mkdir()
            for number in range(PER_CATEGORY):
                Image.fromarray(_grating(category, draws)).save(place / f"{number}.png")
    return folder


def _grating(category: int, draws: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    angle = np.pi * category / CATEGORIES
    waves = 3 + category % 5
    phase, colour = draws.uniform(0, 2 * np.pi), draws.uniform(0.4, 1.0, 3)
    wave = np.sin(2 * np.pi * waves * (np.cos(angle) * x + np.sin(angle) * y) + phase)
    pixels = 127.5 + 90 * wave[..., None] * colour + draws.normal(0, 12, (SIDE, SIDE, 3))
    return pixels.clip(0, 255).astype(np.uint8)

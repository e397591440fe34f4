"""Thumbnails of the stimuli: all in one PNG file of the run folder, with the stimuli's ids.

The file is written when RDMs are computed, so that a report can be made again where the images are
no longer at hand.
"""

import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, PngImagePlugin

from ensemble_rsa.errors import InputError
from ensemble_rsa.files import atomic_path

THUMBNAILS = "thumbnails.png"
_IDS = "stimuli"  # the key of the ids in the file
_LARGEST, _SMALLEST = 96, 16  # sides of a thumbnail, in pixels (ours)
_ALL = 2**20  # pixels of all thumbnails together, about
_QUALITY = 75  # of JPEG


def write_thumbnails(
    path: Path, stimuli: Sequence[Any] | np.ndarray, images: Iterable[np.ndarray]
) -> None:
    """Write the thumbnails of images `(height, width, channel)`, 0 … 255, one for each stimulus.

    They are as large as leaves all of them a million pixels, from 16 to 96 on the longer side;
    smaller images keep their size. Nothing is written where the ids are longer than a text that
    Pillow reads, 1 MiB.
    """
    names = json.dumps([str(one) for one in stimuli], ensure_ascii=False)
    ids = names.encode("utf-8", "backslashreplace")  # of names that are no UTF-8
    if len(ids) > PngImagePlugin.MAX_TEXT_CHUNK:
        return
    limit = min(_LARGEST, max(_SMALLEST, math.isqrt(_ALL // len(stimuli))))
    small = []
    for pixels in images:
        image = Image.fromarray(np.squeeze(pixels)).convert("RGB")
        image.thumbnail((limit, limit), Image.Resampling.LANCZOS)
        small.append(image)
    side = max(max(image.size) for image in small)
    tiles = np.full((len(small), side, side, 3), 255, np.uint8)
    for tile, image in zip(tiles, small, strict=True):
        top, left = (side - image.height) // 2, (side - image.width) // 2
        tile[top : top + image.height, left : left + image.width] = np.asarray(image)
    about = PngImagePlugin.PngInfo()
    about.add_itxt(_IDS, ids.decode("utf-8"), zip=True)
    with atomic_path(path) as partial:
        sheet(tiles).save(partial, "PNG", pnginfo=about)


def read_thumbnails(
    path: Path, stimuli: Sequence[Any] | np.ndarray
) -> UInt8[np.ndarray, "stimulus side side channel"] | None:
    """Return the thumbnails of these stimuli; None where the file is missing or lacks one of them.

    Raises:
        InputError: a damaged file.
    """
    if not path.is_file():
        return None
    try:
        with Image.open(path) as image:
            ids, pixels = json.loads(image.info[_IDS]), np.asarray(image.convert("RGB"))
    except (OSError, KeyError, ValueError, SyntaxError) as error:
        raise InputError(
            f"{path}: not the thumbnails that `analyze` writes ({error}); delete it"
        ) from None
    place = {one: i for i, one in enumerate(ids)}
    wanted = [str(one) for one in stimuli]
    if not place.keys() >= set(wanted):
        return None
    n_columns = math.ceil(math.sqrt(len(ids)))
    side = pixels.shape[1] // n_columns
    tiles = pixels.reshape(-1, side, n_columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    return tiles[[place[one] for one in wanted]]


def sheet(tiles: UInt8[np.ndarray, "stimulus side side channel"]) -> Image.Image:
    """Return all thumbnails row by row in a square of as many columns as rows, or one more."""
    n, side = tiles.shape[:2]
    n_columns = math.ceil(math.sqrt(n))
    n_rows = math.ceil(n / n_columns)
    whole = np.full((n_rows * n_columns, side, side, 3), 255, np.uint8)
    whole[:n] = tiles
    rows = whole.reshape(n_rows, n_columns, side, side, 3).swapaxes(1, 2)
    return Image.fromarray(rows.reshape(n_rows * side, n_columns * side, 3))


def encoded(image: Image.Image) -> tuple[str, bytes]:
    """Return an image as JPEG or PNG, whichever is smaller: the media type, and the file."""
    files = {}
    for kind, options in (("JPEG", {"quality": _QUALITY}), ("PNG", {})):
        content = io.BytesIO()
        image.save(content, kind, optimize=True, **options)
        files[f"image/{kind.lower()}"] = content.getvalue()
    return min(files.items(), key=lambda file: len(file[1]))

"""From an image file to RGB pixels of one size: always the same pixels, nothing drawn by chance."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

_FILTER = Image.Resampling.BILINEAR  # Pillow widens it when it shrinks an image, so nothing aliases


def _crop(image: Image.Image, size: int) -> Image.Image:
    """Short side to `size`, then the centre."""
    return ImageOps.fit(image, (size, size), _FILTER)


def _squash(image: Image.Image, size: int) -> Image.Image:
    """Both sides to `size`, whatever the aspect ratio."""
    return image.resize((size, size), _FILTER)


RESIZE: dict[str, Callable[[Image.Image, int], Image.Image]] = {"crop": _crop, "squash": _squash}


def decode_to_size(
    file: Path | io.BytesIO, size: int, resize: str
) -> UInt8[np.ndarray, "height width 3"]:
    """Decode an image that Pillow knows, upright, and bring it to `size` pixels by `size`.

    Pillow lets go of the interpreter while it decodes and resizes, so threads pay.

    Args:
        file: its path, or its content.
        size: height and width that come out.
        resize: a name of `RESIZE`.
    """
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image)
        return np.asarray(RESIZE[resize](_to_rgb(upright), size))


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB. Pillow would clip deeper pixels at 255 without a word."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError("32-bit pixels have no known range: save it with 8 or 16 bits")
    return image.convert("RGB")

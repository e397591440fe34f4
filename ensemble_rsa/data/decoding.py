"""Decoding image files to RGB pixels of one size, deterministically."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

_FILTER = Image.Resampling.BILINEAR  # Pillow antialiases when it reduces an image


RESIZE: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "crop": lambda image, size: ImageOps.fit(image, (size, size), _FILTER),  # of the centre
    "squash": lambda image, size: image.resize((size, size), _FILTER),
}


def decode_to_size(
    file: Path | io.BytesIO, size: int, resize: str
) -> UInt8[np.ndarray, "height width 3"]:
    """Decode an image, apply its EXIF orientation, and resize it to `size` by `size` pixels.

    Pillow releases the GIL meanwhile, so threads can decode in parallel.
    """
    return np.asarray(RESIZE[resize](decode_rgb(file), size))


def decode_rgb(file: Path | io.BytesIO) -> Image.Image:
    """Decode an image to 8-bit RGB, upright as its EXIF orientation says."""
    with Image.open(file) as image:
        return _to_rgb(ImageOps.exif_transpose(image))


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert to 8-bit RGB; Pillow alone would clip 16-bit pixels at 255."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError("32-bit pixels have no known range: save it with 8 or 16 bits")
    return image.convert("RGB")

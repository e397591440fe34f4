"""Decoding image files to 8-bit RGB pixels of one size, deterministically.

Transparent pixels are composited on a background, samples of more than 8 bits are scaled, and the
orientation that EXIF states is applied. Colour profiles (ICC) are not applied.
"""

import functools
import io
import logging
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageColor, ImageOps

from ensemble_rsa.data.samples import (
    FULL,
    FULL_RANGE,
    Levels,
    Samples,
    layout_of,
    read_samples,
    samples_of,
    shades,
)

log = logging.getLogger(__name__)
_FILTER = Image.Resampling.BILINEAR  # Pillow antialiases when it reduces an image
_ORIENTATION = 0x0112
_HOLD_ORIENTATION = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_catching = threading.Lock()  # `warnings.catch_warnings` changes the state of all threads

RESIZE: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "crop": lambda image, size: ImageOps.fit(image, (size, size), _FILTER),  # of the centre
    "squash": lambda image, size: image.resize((size, size), _FILTER),
}


@dataclass(frozen=True)
class Decoding:
    """How files become pixels.

    Attributes:
        size: side of the pixels.
        resize: a name of `RESIZE`.
        background: the colour behind transparent pixels.
        levels: kind of samples → the values that are black and white.
    """

    size: int
    resize: str
    background: str
    levels: Mapping[str, Levels] = field(default_factory=lambda: FULL_RANGE)


def decode(file: Path | io.BytesIO, how: Decoding) -> UInt8[np.ndarray, "height width 3"]:
    """Decode an image file. Pillow releases the GIL meanwhile, so threads can decode in parallel.

    EXIF that cannot be read is ignored, with a warning that names the file.
    """
    return np.asarray(RESIZE[how.resize](decode_rgb(file, how.background, how.levels), how.size))


def decode_rgb(
    file: Path | io.BytesIO, background: str = "white", levels: Mapping[str, Levels] = FULL_RANGE
) -> Image.Image:
    """Decode an image to 8-bit RGB of its own size, upright as its orientation says."""
    with Image.open(file) as image:
        samples = samples_of(image)
        if samples is None:
            rgb = to_rgb(_with_scaled_transparency(image), background)
        else:
            rgb = to_rgb(_eight_bits(file, image, samples, levels), background)
        orientation = _orientation(image, file)  # some of it follows the pixels
        return rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb


def is_transparent(image: Image.Image) -> bool:
    """Whether an opened image has an alpha channel or a transparent colour.

    >>> is_transparent(Image.new("LA", (1, 1))), is_transparent(Image.new("L", (1, 1)))
    (True, False)
    """
    return image.has_transparency_data


def to_rgb(image: Image.Image, background: str) -> Image.Image:
    """Convert an image of 8 bits or fewer to RGB, transparent pixels composited on a background.

    >>> to_rgb(Image.new("LA", (1, 1), (0, 51)), "white").getpixel((0, 0))
    (204, 204, 204)
    """
    if image.mode == "LAB":
        return _from_lab(image)
    if not is_transparent(image):
        return image.convert("RGB")
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    behind = Image.new("RGB", image.size, ImageColor.getrgb(background)[:3])
    return Image.composite(rgba.convert("RGB"), behind, rgba.getchannel("A"))


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(*profiles, inMode="LAB", outMode="RGB")
    return transform.apply(image)


def _eight_bits(
    file: Path | io.BytesIO, image: Image.Image, samples: Samples, levels: Mapping[str, Levels]
) -> Image.Image:
    """The image with 8-bit samples, its transparency included."""
    known = samples.levels or levels.get(samples.kind)
    if known is None:
        raise ValueError(f"it holds {samples.kind} samples under the name of another format")
    values = read_samples(file, image, samples.kind)
    n_colours = values.shape[-1] - (values.shape[-1] in (2, 4))
    pixels = shades(values[..., :n_colours], known, samples.inverted)
    alpha = shades(values[..., n_colours:], (0.0, FULL), False)
    clear: Any = image.info.get("transparency")
    if clear is not None:
        alpha = np.where((values == np.asarray(clear)).all(-1, keepdims=True), 0, 255)
    pixels = np.concatenate([pixels, alpha.astype(np.uint8)], axis=-1)
    return Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)


def _with_scaled_transparency(image: Image.Image) -> Image.Image:
    """The same image; of grey with 2 or 4 bits Pillow scales all but the transparent value to 8."""
    clear: Any = image.info.get("transparency")
    steps = {"L;2": 3, "L;4": 15}.get(layout_of(image).rawmode, 0)
    if steps and isinstance(clear, int) and clear <= steps:
        image.info["transparency"] = clear * 255 // steps
    return image


def _orientation(image: Image.Image, file: Path | io.BytesIO) -> int:
    """The orientation that EXIF or XMP states, from 1 to 8; 1 where there is none."""
    if image.format != "TIFF" and not image.info.keys() & _HOLD_ORIENTATION:
        return 1
    with _catching, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found, reason = image.getexif().get(_ORIENTATION, 1), None
        except Exception as error:  # noqa: BLE001 - whatever a damaged block makes Pillow raise
            found, reason = 1, error
    if caught or reason:
        _warn(file, str(reason or caught[0].message).strip())
    return found if isinstance(found, int) else 1


@functools.lru_cache(maxsize=1000)  # once for each file, however often it is decoded
def _warn(file: Path | io.BytesIO, reason: str) -> None:
    name = file if isinstance(file, Path) else "an image"
    log.warning("%s: its EXIF is damaged (%s); its pixels are used as they are", name, reason)

"""Samples of more than 8 bits: which files hold them, which values are black and white, reading.

A file of 16-bit samples often holds 10, 12 or 14 bits. What it states (the maximum of a PGM file,
`sBIT` of a PNG, `BitsPerSample`, `SampleFormat` and `MaxSampleValue` of a TIFF) and the largest
value of all files of a data set decide which value is white, once for the whole data set.
"""

import io
import struct
import sys
from collections.abc import Set
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt8, UInt16
from PIL import Image

DEPTHS = (8, 10, 12, 14, 16)  # bits of cameras and scanners
FULL = 65535.0
# TIFF tags
_BITS, _PHOTOMETRIC, _LARGEST, _PLANES, _FORMAT = 258, 262, 281, 284, 339
_UNSIGNED, _SIGNED = 1, 2
_SWAPPED = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
# libtiff decodes to the order of this machine's bytes, which Pillow considers for uint16 only
_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}

Levels = tuple[float, float]
"""The values that are black and white."""


class Samples(NamedTuple):
    """What the header of a file says of samples that are not 8-bit.

    Attributes:
        kind: such as `uint16`; files of one kind share their levels.
        levels: black and white, where the file states them; else None.
        bits: how many bits the file says are significant (PNG), else None.
        largest: the largest value that the file states (TIFF), else 0.
        inverted: whether small values are bright.
    """

    kind: str
    levels: Levels | None = None
    bits: int | None = None
    largest: float = 0.0
    inverted: bool = False


class Layout(NamedTuple):
    """Pillow's decoder and raw mode of a file, and the largest value of a PGM or PPM file."""

    codec: str
    rawmode: str
    largest: float


FULL_RANGE: dict[str, Levels] = {"uint16": (0.0, FULL)}


def layout_of(image: Image.Image) -> Layout:
    """How the samples of an image that is opened, but not loaded, lie in its file."""
    tile: Any = getattr(image, "tile", None)
    if not tile:
        return Layout("", "", 0.0)
    codec, arguments = tile[0][0], tile[0][3]
    first, *rest = (arguments,) if isinstance(arguments, str) else arguments or ("",)
    largest = 0.0
    if image.format == "PPM":
        largest = FULL if first == "I;16B" else float(rest[0]) if codec != "raw" else 255.0
    return Layout(codec, str(first), largest)


def samples_of(image: Image.Image) -> Samples | None:
    """What an image that is opened, but not loaded, says of its samples; None for 8 or fewer bits.

    >>> samples_of(Image.new("RGB", (2, 2))) is None, samples_of(Image.new("F", (2, 2))).kind
    (True, 'float32')
    """
    codec, rawmode, maximum = layout_of(image)
    tags: Any = getattr(image, "tag_v2", {})
    stored_as, bits = _first(tags.get(_FORMAT, _UNSIGNED)), _first(tags.get(_BITS, 32))
    inverted = tags.get(_PHOTOMETRIC) == 0
    if image.format == "PPM" and maximum > 255:
        if maximum == FULL:
            return Samples("uint16")
        if codec == "ppm_plain":  # Pillow scales it, grey to 16 bits and colour to 8
            return Samples(f"maximum {maximum:g}", (0.0, FULL)) if image.mode == "I" else None
        return Samples(f"maximum {maximum:g}", (0.0, maximum))
    if image.mode == "L" and stored_as == _SIGNED:
        return Samples("int8")
    if image.mode == "F":
        return Samples("float32", inverted=inverted)
    if image.mode == "I" and image.format != "PNG":
        unsigned = image.format == "TIFF" and stored_as == _UNSIGNED
        return Samples(f"{'uint' if unsigned else 'int'}{bits}", inverted=inverted)
    if bits == 12:
        return Samples("12-bit", (0.0, 4095.0))
    if image.mode[:4] in ("I", "I;16") or (
        image.mode in ("RGB", "RGBA") and (";16" in rawmode or (bits == 16 and tags))
    ):
        largest = _first(tags.get(_LARGEST, FULL))
        return Samples(
            "uint16",
            bits=_significant_bits(image) if image.format == "PNG" else None,
            largest=largest if largest < FULL else 0.0,
            inverted=inverted,
        )
    return None


def levels_of(kind: str, lowest: float, highest: float, bits: Set[int] = frozenset()) -> Levels:
    """Black and white of samples between `lowest` and `highest`, of which `bits` are significant.

    Black is zero, and white the largest value of the smallest usual depth that holds all values (of
    floats: 1 if none is larger). Samples that are negative, or larger than 16 bits, have the lowest
    (or zero) and the highest value instead.

    >>> levels_of("uint16", 3.0, 2871.0), levels_of("int16", -5.0, 90.0)
    ((0.0, 4095.0), (-5.0, 90.0))
    """
    if lowest < 0:
        return float(lowest), float(max(highest, lowest + 1))
    if kind.startswith("float") and highest <= 1:
        return 0.0, 1.0
    depths = sorted({*bits, 16}) if bits else DEPTHS
    return 0.0, float(next((2**depth - 1 for depth in depths if highest < 2**depth), highest))


def read_samples(
    file: Path | io.BytesIO, image: Any, kind: str
) -> Shaped[np.ndarray, "y x channel"]:
    """The samples of an opened image at their full depth; alpha is the last of 2 or 4 channels.

    `file` is what `image` was opened from, `kind` is that of `samples_of`.
    """
    codec, rawmode, _ = layout_of(image)
    if image.mode in ("RGB", "RGBA"):
        return _colour(file, image, "RGB;16B" if image.format == "PPM" else rawmode)
    if codec == "ppm":
        _set_layout(image, "I;16B")
    if codec == "libtiff" and rawmode in _NATIVE:
        _set_layout(image, _NATIVE[rawmode])
    values = np.asarray(image)
    if kind in ("int8", "uint32"):
        values = values.view(kind)  # Pillow takes them for uint8 and int32
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("it has pixels that are NaN or infinite")
    return values[..., None]


def shades(
    samples: Shaped[np.ndarray, "y x channel"], levels: Levels, inverted: bool
) -> UInt8[np.ndarray, "y x channel"]:
    """Samples as 8 bits, from 0 for black to 255 for white; what lies beyond is clipped.

    >>> shades(np.array([[[0], [1365], [4095]]], np.uint16), (0.0, 4095.0), False).ravel().tolist()
    [0, 85, 255]
    """
    black, white = levels
    share = np.clip((samples.astype(np.float64) - black) / (white - black), 0, 1)
    return np.rint((1 - share if inverted else share) * 255).astype(np.uint8)


def _colour(file: Path | io.BytesIO, image: Any, rawmode: str) -> UInt16[np.ndarray, "y x channel"]:
    """16-bit colour; Pillow reads one byte of each sample, and the other with the bytes swapped."""
    if rawmode == "LA;16B":
        _set_layout(image, "RGBA")  # the two bytes of grey, the two of alpha
        both = np.asarray(image).astype(np.uint16)
        return both[..., ::2] << 8 | both[..., 1::2]
    name, _, ending = rawmode.rpartition(";")
    apart = getattr(image, "tag_v2", {}).get(_PLANES) == 2
    if apart or ending not in _SWAPPED or name == "RGBa" or image.tile[0][0] == "ppm_plain":
        raise ValueError(f"16-bit colour in a form that is not read ({rawmode}): save it as PNG")
    _set_layout(image, rawmode)
    high = np.asarray(image).astype(np.uint16)
    if isinstance(file, io.BytesIO):
        file.seek(0)
    with Image.open(file) as again:
        _set_layout(again, f"{name};{_SWAPPED[ending]}")
        return high << 8 | np.asarray(again)


def _set_layout(image: Any, rawmode: str) -> None:
    """Have the samples of an opened image read by another layout of the same size."""
    tiles: Any = []
    for tile in image.tile:
        codec, extents, offset, arguments = tile
        if not isinstance(arguments, str):
            codec, rest = ("raw", (0, 1)) if codec == "ppm" else (codec, arguments[1:])
            arguments = (rawmode, *rest)
        else:
            arguments = rawmode
        tiles.append(type(tile)(codec, extents, offset, arguments))
    image.tile = tiles


def _significant_bits(image: Any) -> int | None:
    """The largest number in the `sBIT` chunk of a PNG file; None without one."""
    file: Any = image.fp
    position = file.tell()
    try:
        file.seek(8)
        while len(header := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", header)
            if name == b"sBIT":
                return max(file.read(length), default=None)
            if name == b"IDAT":
                return None
            file.seek(length + 4, io.SEEK_CUR)
        return None
    finally:
        file.seek(position)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value

"""Image files written byte by byte, so that what they hold does not depend on Pillow."""

import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types of PNG
_HEADER = {"u": 1, "i": 2, "f": 3}  # SampleFormat of TIFF


def png(pixels, colour, bits=16, **chunks):
    """A PNG file of `(y, x, channel)` samples; chunks such as `tRNS` precede the pixels."""
    pixels = np.atleast_3d(pixels)
    height, width = pixels.shape[:2]
    if bits < 8:
        planes = np.unpackbits(pixels[..., 0].astype(np.uint8)[..., None], axis=-1)[..., -bits:]
        rows = np.packbits(planes.reshape(height, -1), axis=1)
    else:
        rows = pixels.astype(">u2" if bits == 16 else "u1")
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    parts = {
        "IHDR": struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0),
        **chunks,
        "IDAT": zlib.compress(data),
        "IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name.encode() + content
        + struct.pack(">I", zlib.crc32(name.encode() + content))
        for name, content in parts.items()
    )  # fmt: skip


def tiff(pixels, order="<", photometric=1, bits=None, compress=False, **tags):
    """A TIFF file of one strip of grey `(y, x)` or colour `(y, x, channel)` samples."""
    data = pixels if isinstance(pixels, bytes) else pixels.astype(pixels.dtype.newbyteorder(order))
    height, width = tags.pop("shape", None) or pixels.shape[:2]
    n_channels = 1 if isinstance(pixels, bytes) or pixels.ndim == 2 else pixels.shape[2]
    strip = data if isinstance(data, bytes) else data.tobytes()
    strip = zlib.compress(strip) if compress else strip
    bits = bits or 8 * pixels.dtype.itemsize
    sample = 1 if isinstance(pixels, bytes) else _HEADER[pixels.dtype.kind]
    entries = {
        256: width, 257: height, 258: [bits] * n_channels, 259: 8 if compress else 1,
        262: photometric, 273: 0, 277: n_channels, 278: height, 279: len(strip),
        **({} if sample == 1 else {339: [sample] * n_channels}),
        **{int(tag.removeprefix("t")): value for tag, value in tags.items()},
    }  # fmt: skip
    after = 8 + 2 + 12 * len(entries) + 4
    extra, table = b"", b""
    entries[273] = after + 8 * len(entries)  # leaves room for the values that do not fit
    for tag, value in sorted(entries.items()):
        values = value if isinstance(value, list) else [value]
        kind, code = (4, "I") if tag in (273, 279) else (3, "H")
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(packed) > 4:
            offset = after + len(extra)
            extra += packed.ljust(8, b"\0")
            packed = struct.pack(f"{order}I", offset)
        table += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    directory = struct.pack(f"{order}H", len(entries)) + table + struct.pack(f"{order}I", 0)
    return head + directory + extra.ljust(8 * len(entries), b"\0") + strip

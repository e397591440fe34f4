"""Headers of all files of a folder: which are transparent, animated, or have more than 8 bits."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ensemble_rsa.data.decoding import is_transparent
from ensemble_rsa.data.samples import Levels, Samples, levels_of, read_samples, samples_of
from ensemble_rsa.jax_settings import n_cores

log = logging.getLogger(__name__)
_ORDINARY_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")  # 8 bits, no transparency, one frame
_LEAST_SHARE = 16  # below this part of the largest value, most values are suspiciously small (ours)


class Header(NamedTuple):
    """What the header of a file says."""

    transparent: bool = False
    frames: bool = False
    samples: Samples | None = None


_ORDINARY = Header()


@dataclass(frozen=True, eq=False)
class Survey:
    """The headers of all files of a data set.

    Attributes:
        headers: file → its header.
        levels: kind of samples → the values that are black and white.
    """

    headers: Mapping[Path, Header]
    levels: Mapping[str, Levels]

    def conversions(
        self, files: Sequence[Path], background: str
    ) -> dict[str, Bool[np.ndarray, " image"]]:
        """What is done to the pixels of some files, in words → which of the files it is done to."""
        headers = [self.headers[file] for file in files]
        done = {f"composited on {background}": np.array([h.transparent for h in headers], bool)}
        for kind, (black, white) in self.levels.items():
            which = [h.samples is not None and h.samples.kind == kind for h in headers]
            done[f"{kind} samples, black {black:g}, white {white:g}"] = np.array(which, bool)
        return done


def survey(files: Iterable[Path]) -> Survey:
    """Read the headers of all files, and all pixels of kinds whose levels only the pixels show.

    JPEG files are not opened. Files that cannot be read are left to be refused when they are used.
    Files with several frames are named in a warning.
    """
    headers = {file: _header(file) for file in files}
    animated = [file for file, header in headers.items() if header.frames]
    if animated:
        log.warning(
            "the first frame or page is used of %s file(s) that have several, such as %s",
            len(animated),
            animated[0],
        )
    by_kind: dict[str, dict[Path, Samples]] = {}
    for file, header in headers.items():
        if header.samples is not None:
            by_kind.setdefault(header.samples.kind, {})[file] = header.samples
    stated = sorted(kind for kind in by_kind if kind.startswith("maximum"))
    if len(stated) > 1:
        log.warning(
            "files state different values of white (%s); each is scaled by its own",
            ", ".join(stated),
        )
    levels = {kind: _levels(kind, members) for kind, members in sorted(by_kind.items())}
    return Survey(headers, levels)


def _header(file: Path) -> Header:
    if file.suffix.lower() in _ORDINARY_SUFFIXES:
        return _ORDINARY
    try:
        with Image.open(file) as image:
            samples = samples_of(image)
            return Header(is_transparent(image), getattr(image, "is_animated", False), samples)
    except Exception:  # noqa: BLE001 - each format fails in its own way
        return _ORDINARY


def _levels(kind: str, members: Mapping[Path, Samples]) -> Levels:
    """The levels that the files state, or that the pixels of all of them show."""
    first = next(iter(members.values()))
    if first.levels is not None:
        return first.levels
    with ThreadPoolExecutor(n_cores()) as threads:
        ranges = [each for each in threads.map(_range, members) if each is not None]
    if not ranges:
        return 0.0, 1.0
    lowest, bulk, highest = np.min(ranges, 0)[0], *np.max(ranges, 0)[1:]
    highest = float(max(highest, *(each.largest for each in members.values())))
    bits = {each.bits for each in members.values() if each.bits is not None}
    black, white = levels_of(kind, float(lowest), highest, bits)
    if bulk - black < (highest - black) / _LEAST_SHARE:
        log.warning(
            "%s samples reach %g, but 99.9 %% of those of every image lie below %g, so few grey "
            "levels remain of them; are there defective pixels?", kind, highest, bulk,
        )  # fmt: skip
    return black, white


def _range(file: Path) -> tuple[float, float, float] | None:
    """The smallest value, that below which 99.9 % are, and the largest."""
    try:
        with Image.open(file) as image:
            samples = samples_of(image)
            if samples is None:
                return None
            values = read_samples(file, image, samples.kind)
    except Exception:  # noqa: BLE001 - it is refused when it is used
        return None
    n_colours = values.shape[-1] - (values.shape[-1] in (2, 4))
    low, bulk, high = np.percentile(values[..., :n_colours], [0, 99.9, 100], method="lower")
    return float(low), float(bulk), float(high)

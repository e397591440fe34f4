"""Patterns in images of brains (NIfTI), one volume or one file for each stimulus.

Images are read with nibabel, which nilearn and rsatoolbox use too. Voxels are those of a mask on
the same grid; nothing is resampled.
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.arrays import check_finite
from ensemble_rsa.errors import InputError, first_line
from ensemble_rsa.interop.optional import optional_import
from ensemble_rsa.interop.reference_files.patterns import MISSING, Patterns

ENDINGS = (".nii", ".nii.gz")
_SAME_PLACE = 1e-4  # mm or so, of the transformations of two images


def is_image(path: Path) -> bool:
    """Whether a file is an image of a brain, by its name.

    >>> is_image(Path("sub-01_statmap.nii.gz")), is_image(Path("sub-01.npz"))
    (True, False)
    """
    return path.name.lower().endswith(ENDINGS)


def image_patterns(paths: dict[str | None, Path], mask: Path) -> Patterns:
    """Return the patterns of the voxels of a mask.

    Args:
        paths: an image for each stimulus, or None and an image with a volume for each stimulus. A
            table beside that image, with its name but the ending `.tsv`, describes the volumes: a
            row for each, as BIDS writes tables.
        mask: an image that is neither 0 nor NaN in the voxels to read.

    Raises:
        InputError: nibabel is not installed; an image that cannot be read, or that has another
            grid than the mask; a mask with fewer than two voxels; NaN in a voxel; a table of
            another length.
    """
    chosen, affine = _mask(mask)
    parts, described = [], {}
    for path in paths.values():
        data, own = _read(path)
        if data.shape[:3] != chosen.shape or not np.allclose(own, affine, atol=_SAME_PLACE):
            raise InputError(
                f"reference: {path.name}: expected the grid of the mask {mask.name}, got shape "
                f"{data.shape[:3]} against {chosen.shape}, or another position; resample one of "
                "them, for example with nilearn.image.resample_to_img"
            )
        volumes = data[chosen].T if data.ndim == 4 else data[chosen][None]
        if not np.isfinite(volumes).all():
            check_finite(
                f"reference, {path.name}, in the mask", volumes, "; leave such voxels out of it"
            )
        parts.append(volumes)
    if None in paths:
        described = _table(paths[None], len(parts[0]))
    else:
        for path, part in zip(paths.values(), parts, strict=True):
            if len(part) != 1:
                raise InputError(
                    f"reference: {path.name}: expected one volume, since {{stimulus}} stands in "
                    f"the path, got {len(part)}"
                )
        described = {"stimulus": np.array(list(paths), str)}
    return Patterns(np.concatenate(parts), described, {})


def _mask(path: Path) -> tuple[Bool[np.ndarray, "x y z"], Float[np.ndarray, "4 4"]]:
    data, affine = _read(path)
    if data.ndim != 3:
        raise InputError(f"mask: {path.name}: expected one volume, got shape {data.shape}")
    chosen = (data != 0) & ~np.isnan(data)
    if (n := int(chosen.sum())) < 2:
        raise InputError(
            f"mask: {path.name}: expected two voxels or more that are neither 0 nor NaN, got {n}"
        )
    return chosen, affine


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the data of an image, without trailing axes of length 1, and its affine."""
    nibabel = optional_import("nibabel", "imaging", "reading images of brains (NIfTI)")
    if not path.is_file():
        raise InputError(f"reference: {path}: no such file")
    try:
        image: Any = nibabel.load(path)
        data = np.asarray(image.get_fdata(), np.float64)
    except Exception as error:  # noqa: BLE001 - nibabel and gzip raise their own kinds
        raise InputError(f"reference: {path}: cannot be read ({first_line(error)})") from None
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim not in (3, 4):
        raise InputError(
            f"reference: {path.name}: expected an image (x, y, z) or (x, y, z, stimulus), got "
            f"shape {data.shape}"
        )
    return data, np.asarray(image.affine)


def _table(image: Path, n_volumes: int) -> dict[str, np.ndarray]:
    """Return the columns of the table beside an image, or nothing if there is none."""
    stem = next(
        image.name[: -len(end)] for end in ENDINGS[::-1] if image.name.lower().endswith(end)
    )
    path = image.with_name(f"{stem}.tsv")
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    if len(rows) != n_volumes:
        raise InputError(
            f"reference: {path.name}: expected a row for each of {n_volumes} volumes of "
            f"{image.name}, got {len(rows)}"
        )
    names = [name for name in rows[0] if name]
    return {name: np.array([row[name] or MISSING for row in rows], str) for name in names}

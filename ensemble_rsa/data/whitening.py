"""ZCA whitening, fitted to training images in float64 and kept in the user's cache folder.

The fit to CIFAR-10 takes the eigenvectors of a matrix of 3072 × 3072, longer than most analyses,
and is needed by training and by each later look at the networks. It is found again by a hash of the
pixels, so that other images or another recipe never get it.
"""

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float32, Float64, UInt8

from ensemble_rsa import files
from ensemble_rsa.data.kept import keep, read_kept
from ensemble_rsa.data.source import Pixels, StoredImages

_BLOCK, _BLOCK_VALUES = 2048, 2048 * 3072  # images, and values, in float64 at once: 50 MB
_KEPT_FROM = 1024  # values of an image (ours): smaller ones are fitted in less than a second
_MOST_KEPT = 8  # fits (ours), of 38 MB each for CIFAR-10; the oldest goes first
_VERSION = 1  # of how it is fitted; part of the hash
Whitening = tuple[Float32[np.ndarray, " pixel"], Float32[np.ndarray, "pixel pixel"]]


def pixel_blocks(images: Pixels) -> Iterator[UInt8[np.ndarray, "block pixel"]]:
    """Images as rows of values, a block of them after the other."""
    n_values = math.prod(images.shape[1:])
    size = max(1, min(_BLOCK, _BLOCK_VALUES // n_values))
    for start in range(0, len(images), size):
        yield images[start : start + size].reshape(-1, n_values)


def fit_whitening(
    images: Pixels, contrast: str, normalise: Callable[[Any], Any], epsilon: float
) -> Whitening:
    """Mean of each pixel after contrast normalisation, and the symmetric ZCA matrix.

    Args:
        images: uint8 `(image, height, width, channel)`.
        contrast: the name of the normalisation.
        normalise: the normalisation itself, of rows of float64 values.
        epsilon: added to the eigenvalues.
    """
    if isinstance(images, StoredImages) or math.prod(images.shape[1:]) < _KEPT_FROM:
        return _fitted(images, normalise, epsilon)
    path = _cache_file(images, f"{_VERSION} {contrast} {epsilon!r} {images.shape}")

    def stored() -> Whitening:
        with path.open("rb") as file, np.load(file) as arrays:
            with contextlib.suppress(OSError):  # of a cache that can only be read
                path.touch()
            return arrays["pixel_mean"], arrays["whitening"]

    found = read_kept(path, stored)
    if found is not None:
        return found
    pixel_mean, whitening = fitted = _fitted(images, normalise, epsilon)
    keep(
        path,
        lambda file: np.savez(file, pixel_mean=pixel_mean, whitening=whitening),
        "images are whitened anew each time",
    )
    _remove_oldest(path.parent)
    return fitted


def _fitted(images: Pixels, normalise: Callable[[Any], Any], epsilon: float) -> Whitening:
    pixel_mean, covariance = _moments(images, normalise)
    return pixel_mean.astype(np.float32), _zca(covariance, epsilon).astype(np.float32)


def _moments(
    images: Pixels, normalise: Callable[[Any], Any]
) -> tuple[Float64[np.ndarray, " pixel"], Float64[np.ndarray, "pixel pixel"]]:
    """Mean and covariance of the normalised pixels."""
    n_pixels = math.prod(images.shape[1:])
    total = np.zeros(n_pixels)
    for block in pixel_blocks(images):
        total += normalise(block.astype(np.float64)).sum(axis=0)
    mean = total / len(images)
    scatter = np.zeros((n_pixels, n_pixels))
    for block in pixel_blocks(images):
        centred = normalise(block.astype(np.float64)) - mean
        scatter += centred.T @ centred
    return mean, scatter / len(images)


def _zca(
    covariance: Float64[np.ndarray, "pixel pixel"], epsilon: float
) -> Float64[np.ndarray, "pixel pixel"]:
    """V diag(1 / √(λ + ε)) Vᵀ over the directions that vary."""
    eigenvalues, vectors = scipy.linalg.eigh(covariance, driver="evr")
    rounding = len(covariance) * np.finfo(np.float64).eps * max(float(eigenvalues[-1]), 0.0)
    gains = np.where(eigenvalues > rounding, 1 / np.sqrt(eigenvalues.clip(0) + epsilon), 0.0)
    return (vectors * gains) @ vectors.T


def _cache_file(images: Pixels, recipe: str) -> Path:
    digest = hashlib.blake2b(recipe.encode(), digest_size=16)
    for block in pixel_blocks(images):
        digest.update(np.ascontiguousarray(block).data)
    return files.cache_folder() / f"whitening-{digest.hexdigest()}.npz"


def _remove_oldest(folder: Path) -> None:
    with contextlib.suppress(OSError):
        kept = sorted(folder.glob("whitening-*.npz"), key=lambda each: each.stat().st_mtime)
        for old in kept[:-_MOST_KEPT]:
            old.unlink(missing_ok=True)

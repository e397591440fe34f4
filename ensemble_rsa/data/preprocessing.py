"""Preprocessing by name: fitted once on the training images, applied to batches on the device.

Contrast normalisation comes first, then, where the name says so, ZCA whitening:

    x = (pixels − mean) / deviation            one mean and one deviation for all training pixels
    Σ = mean over training images of (x − μ)(x − μ)ᵀ = V diag(λ) Vᵀ,    μ the mean of each pixel
    y = (x − μ) V diag(1 / √(λ + ε)) Vᵀ

with the D = height · width · channel values of an image as one vector. The covariance is about the
mean of each pixel and divides by the number of images. That the paper centred each pixel is our
reading; its preprocessing is known at second hand only.

Directions in which the training images do not vary at all (λ = 0 to rounding: a pixel that is
always black, or fewer images than pixels) are set to zero. They say nothing about the training
images, and a test image that does vary there would come out multiplied by 1 / √ε.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float, Float64, UInt8

from ensemble_rsa.data.source import Pixels, StoredImages
from ensemble_rsa.errors import InputError, unknown_name

_BLOCK, _BLOCK_VALUES = 2048, 2048 * 3072  # in float64 at once: 50 MB
_WIDEST_ZCA = 16_384  # values of an image; its matrices take 2 GB each
_PER_IMAGE_NORM = 55.0
_LEAST_NORM = 1e-8  # a blank image stays blank


@dataclass(frozen=True)
class Recipe:
    """What a name stands for.

    Attributes:
        contrast: `global`, one mean and deviation over all training pixels; `per_image`, each image
            less its mean and scaled to norm 55; `unit`, pixels from 0 to 1; `symmetric`, from -1
            to 1.
        zca_epsilon: added to the eigenvalues of the covariance; None for no whitening.
    """

    contrast: Literal["global", "per_image", "unit", "symmetric"]
    zca_epsilon: float | None = None


PREPROCESSING: dict[str, Recipe] = {
    "gcn_zca": Recipe("global", zca_epsilon=1e-5),
    "gcn_zca_per_image": Recipe("per_image", zca_epsilon=0.1),
    "standardize": Recipe("global"),
    "symmetric": Recipe("symmetric"),
    "none": Recipe("unit"),
}
_FIXED_CONTRAST = {"unit": (0.0, 255.0), "symmetric": (127.5, 127.5), "per_image": (0.0, 255.0)}


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("mean", "deviation", "pixel_mean", "whitening"),
    meta_fields=("name",),
)
@dataclass(frozen=True, eq=False)
class Preprocessing:
    """A fitted preprocessing: a pytree of float32 arrays, with the name as static data.

    Attributes:
        name: a name of `PREPROCESSING`.
        mean: what is taken from every pixel `()`.
        deviation: what every pixel is then divided by `()`.
        pixel_mean: mean of each pixel after contrast normalisation `(pixel,)`; None without ZCA.
        whitening: the symmetric ZCA matrix `(pixel, pixel)`; None without ZCA.
    """

    name: str
    mean: Array
    deviation: Array
    pixel_mean: Array | None
    whitening: Array | None


def fit_preprocessing(name: str, train_images: Any) -> Preprocessing:
    """Fit a preprocessing to training images, in float64.

    Args:
        name: a name of `PREPROCESSING`.
        train_images: uint8 `(image, height, width, channel)`, or `StoredImages`; all of them are
            read, block by block, unless the name needs none (`none`, `symmetric`).

    Raises:
        InputError: an unknown name, images of another form, images too large to be whitened, or
            images whose pixels are all equal.

    >>> fitted = fit_preprocessing("standardize", np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1))
    >>> float(fitted.mean), round(float(fitted.deviation), 4)
    (3.5, 2.2913)
    """
    if name not in PREPROCESSING:
        raise unknown_name("preprocessing", name, PREPROCESSING)
    images = train_images if isinstance(train_images, StoredImages) else np.asarray(train_images)
    if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
        raise InputError(
            "train_images: expected uint8 of shape (image, height, width, channel), "
            f"got {images.dtype} of shape {images.shape}"
        )
    recipe = PREPROCESSING[name]
    n_values = math.prod(images.shape[1:])
    if recipe.zca_epsilon is not None and n_values > _WIDEST_ZCA:
        raise InputError(
            f"preprocessing: {name} whitens, which takes a matrix of {n_values} × {n_values} for "
            f"images of {n_values:,} values; expected {_WIDEST_ZCA:,} at most: take symmetric, "
            "standardize or a smaller image_size"
        )
    fixed = _FIXED_CONTRAST.get(recipe.contrast)
    mean, deviation = fixed or _global_contrast(images)
    pixel_mean = whitening = None
    if recipe.zca_epsilon is not None:
        normalise = partial(
            _normalise, contrast=recipe.contrast, mean=mean, deviation=deviation, xp=np
        )
        pixel_mean, covariance = _moments(images, normalise)
        whitening = _zca(covariance, recipe.zca_epsilon)
    return Preprocessing(
        name=name,
        mean=jnp.asarray(mean, jnp.float32),
        deviation=jnp.asarray(deviation, jnp.float32),
        pixel_mean=None if pixel_mean is None else jnp.asarray(pixel_mean, jnp.float32),
        whitening=None if whitening is None else jnp.asarray(whitening, jnp.float32),
    )


def apply_preprocessing(
    preprocessing: Preprocessing, images: UInt8[Array | np.ndarray, "image height width channel"]
) -> Float[Array, "image height width channel"]:
    """Preprocess images: pure, and meant to be part of a compiled step.

    Args:
        preprocessing: from `fit_preprocessing`.
        images: pixels `(image, height, width, channel)`, 0 … 255.

    Returns:
        float32 `(image, height, width, channel)`.

    >>> fitted = fit_preprocessing("none", np.zeros((1, 2, 2, 1), np.uint8))
    >>> white = apply_preprocessing(fitted, np.full((1, 2, 2, 1), 255, np.uint8))
    >>> white.ravel().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    flat = jnp.asarray(images).astype(jnp.float32).reshape(images.shape[0], -1)
    contrast = PREPROCESSING[preprocessing.name].contrast
    flat = _normalise(flat, contrast, preprocessing.mean, preprocessing.deviation, jnp)
    if preprocessing.pixel_mean is not None and preprocessing.whitening is not None:
        # The matrix holds gains up to 1 / √ε = 316: TF32 or bfloat16 products would not do.
        flat = jnp.matmul(
            flat - preprocessing.pixel_mean[None], preprocessing.whitening, precision="highest"
        )
    return flat.reshape(images.shape)


def _normalise(flat: Any, contrast: str, mean: Any, deviation: Any, xp: ModuleType) -> Any:
    """Contrast normalisation `(image, pixel)`: NumPy float64 to fit, JAX float32 to apply."""
    if contrast != "per_image":
        return (flat - mean) / deviation
    centred = flat - flat.mean(axis=1, keepdims=True)
    scale = xp.sqrt((centred**2).sum(axis=1, keepdims=True)) / _PER_IMAGE_NORM
    return centred / xp.where(scale < _LEAST_NORM, 1.0, scale)


def _blocks(images: Pixels) -> Iterator[UInt8[np.ndarray, "block height width channel"]]:
    size = max(1, min(_BLOCK, _BLOCK_VALUES // math.prod(images.shape[1:])))
    for start in range(0, len(images), size):
        yield images[start : start + size]


def _flat_blocks(images: Pixels) -> Iterator[Float64[np.ndarray, "block pixel"]]:
    for block in _blocks(images):
        yield block.reshape(len(block), -1).astype(np.float64)


def _global_contrast(images: Pixels) -> tuple[float, float]:
    """Mean and deviation over all pixels of all images, exact because there are but 256 values."""
    counts = sum(np.bincount(block.ravel(), minlength=256) for block in _blocks(images))
    values = np.arange(256)
    mean = float(np.average(values, weights=counts))
    deviation = float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))
    if deviation == 0:
        raise InputError(f"train_images: every pixel is {mean:.0f}, so there is nothing to scale")
    return mean, deviation


def _moments(
    images: Pixels, normalise: Any
) -> tuple[Float64[np.ndarray, " pixel"], Float64[np.ndarray, "pixel pixel"]]:
    """Mean and covariance of the normalised pixels."""
    n_pixels = math.prod(images.shape[1:])
    total = np.zeros(n_pixels)
    for block in _flat_blocks(images):
        total += normalise(block).sum(axis=0)
    mean = total / len(images)
    scatter = np.zeros((n_pixels, n_pixels))
    for block in _flat_blocks(images):
        centred = normalise(block) - mean
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

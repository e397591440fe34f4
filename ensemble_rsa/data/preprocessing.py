"""Preprocessing: fitted once to the training images, applied to batches on the device.

Contrast normalisation, then for some names ZCA whitening:

    x = (pixels − mean) / deviation            one mean and one deviation for all training pixels
    Σ = mean over training images of (x − μ)(x − μ)ᵀ = V diag(λ) Vᵀ,    μ the mean of each pixel
    y = (x − μ) V diag(1 / √(λ + ε)) Vᵀ

with the height · width · channel values of an image as one vector. Centring each pixel is our
reading of Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w, whose preprocessing we know only at
second hand. Directions in which the training images do not vary (λ = 0 to rounding: a pixel that is
always black, or fewer images than pixels) are set to zero; else a test image that varies there
would be multiplied by 1 / √ε.
"""

import math
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from ensemble_rsa.data.source import Pixels, StoredImages
from ensemble_rsa.data.whitening import fit_whitening, pixel_blocks
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.jax_settings import fixed_settings

_WIDEST_ZCA = 16_384  # values of an image (ours); its matrices take 2 GB each
_PER_IMAGE_NORM = 55.0  # as in pylearn2
_LEAST_NORM = 1e-8  # a constant image stays constant


@dataclass(frozen=True)
class Recipe:
    """The steps of a preprocessing.

    Attributes:
        contrast: `global`, one mean and standard deviation over all training pixels; `per_image`,
            each image minus its mean and scaled to norm 55; `unit`, pixels from 0 to 1;
            `symmetric`, from -1 to 1.
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
        mean: subtracted from every pixel `()`.
        deviation: divides every pixel then `()`.
        pixel_mean: mean of each pixel after contrast normalisation `(pixel,)`; None without ZCA.
        whitening: the symmetric ZCA matrix `(pixel, pixel)`; None without ZCA.
    """

    name: str
    mean: Any  # arrays; JAX also builds trees of what stands for them in a program
    deviation: Any
    pixel_mean: Any
    whitening: Any


@fixed_settings()
def fit_preprocessing(name: str, train_images: Any) -> Preprocessing:
    """Fit a preprocessing of `PREPROCESSING` to training images, in float64.

    The images are uint8 `(image, height, width, channel)`. `StoredImages` are read block by block,
    unless the name needs no images (`none`, `symmetric`). Whitening is kept, see `whitening`.

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
            f"images of {n_values:,} values; expected {_WIDEST_ZCA:,} at most: use symmetric, "
            "standardize or a smaller image_size"
        )
    fixed = _FIXED_CONTRAST.get(recipe.contrast)
    mean, deviation = fixed or _global_contrast(images)
    pixel_mean = whitening = None
    if recipe.zca_epsilon is not None:
        pixel_mean, whitening = fit_whitening(
            images,
            recipe.contrast,
            lambda flat: _normalise(flat, recipe.contrast, mean, deviation, np),
            recipe.zca_epsilon,
        )
    parts = (mean, deviation, pixel_mean, whitening)
    return Preprocessing(name, *jax.tree.map(lambda part: jnp.asarray(part, jnp.float32), parts))


def apply_preprocessing(
    preprocessing: Preprocessing, images: UInt8[Array | np.ndarray, "image height width channel"]
) -> Float[Array, "image height width channel"]:
    """Preprocess images, 0 … 255, to float32 of the same shape; a pure function for compiled steps.

    >>> fitted = fit_preprocessing("none", np.zeros((1, 2, 2, 1), np.uint8))
    >>> white = apply_preprocessing(fitted, np.full((1, 2, 2, 1), 255, np.uint8))
    >>> white.ravel().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    flat = jnp.asarray(images).astype(jnp.float32).reshape(images.shape[0], -1)
    contrast = PREPROCESSING[preprocessing.name].contrast
    flat = _normalise(flat, contrast, preprocessing.mean, preprocessing.deviation, jnp)
    if preprocessing.pixel_mean is not None and preprocessing.whitening is not None:
        # gains go up to 1 / √ε = 316, too much for TF32 or bfloat16 products
        flat = jnp.matmul(
            flat - preprocessing.pixel_mean[None], preprocessing.whitening, precision="highest"
        )
    return flat.reshape(images.shape)


def _normalise(flat: Any, contrast: str, mean: Any, deviation: Any, xp: ModuleType) -> Any:
    """Normalise contrast `(image, pixel)`, in NumPy to fit (float64) and in JAX to apply."""
    if contrast != "per_image":
        return (flat - mean) / deviation
    centred = flat - flat.mean(axis=1, keepdims=True)
    scale = xp.sqrt((centred**2).sum(axis=1, keepdims=True)) / _PER_IMAGE_NORM
    return centred / xp.where(scale < _LEAST_NORM, 1.0, scale)


def _global_contrast(images: Pixels) -> tuple[float, float]:
    """Mean and standard deviation over all pixels of all images, from counts of the 256 values."""
    counts = sum(np.bincount(block.ravel(), minlength=256) for block in pixel_blocks(images))
    values = np.arange(256)
    mean = float(np.average(values, weights=counts))
    deviation = float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))
    if deviation == 0:
        raise InputError(f"train_images: every pixel is {mean:.0f}, so contrast is undefined")
    return mean, deviation

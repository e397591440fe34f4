import jax
import numpy as np
import pytest

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data import whitening
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.data.preprocessing import PREPROCESSING, apply_preprocessing, fit_preprocessing
from ensemble_rsa.data.source import StoredImages
from ensemble_rsa.errors import InputError


@pytest.fixture
def images(rng):
    """Neighbouring pixels alike, as in photographs."""
    noise = rng.normal(size=(300, 4, 5, 3)).cumsum(axis=1).cumsum(axis=2)
    return np.clip(120 + 20 * noise, 0, 255).astype(np.uint8)


def closed_form_zca(train, test, epsilon):
    """(Σ + ε)^(−1/2) applied to centred vectors, through NumPy's SVD, for full-rank Σ."""
    mean = train.mean(axis=0)
    vectors, eigenvalues, _ = np.linalg.svd(np.cov(train.T, bias=True))
    return (test - mean) @ (vectors / np.sqrt(eigenvalues + epsilon)) @ vectors.T


def flat(images):
    return np.asarray(images, np.float64).reshape(len(images), -1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("none", [0, 0.2, 0.8]), ("symmetric", [-1, -0.6, 0.6]), ("standardize", [-4, 47, 200])],
)
def test_scales(name, expected):
    train = np.array([1, 3, 5, 7], np.uint8).reshape(2, 2, 1, 1)  # mean 4, deviation √5
    test = np.array([0, 51, 204], np.uint8).reshape(1, 3, 1, 1)
    result = apply_preprocessing(fit_preprocessing(name, train), test)
    scale = np.sqrt(5) if name == "standardize" else 1
    np.testing.assert_allclose(result.ravel(), np.array(expected) / scale, rtol=1e-6)
    assert result.dtype == np.float32


@pytest.mark.parametrize(("name", "epsilon"), [("gcn_zca", 1e-5), ("gcn_zca_per_image", 0.1)])
def test_whitening_against_the_closed_form(name, epsilon, images, monkeypatch):
    monkeypatch.setattr(whitening, "_BLOCK", 64)  # four blocks
    train, test = images[:250], images[250:]
    before = test.copy()

    def contrast(pixels):
        if name == "gcn_zca":
            return (pixels - flat(train).mean()) / flat(train).std()
        centred = pixels - pixels.mean(axis=1, keepdims=True)
        return 55 * centred / np.linalg.norm(centred, axis=1, keepdims=True)

    result = apply_preprocessing(fit_preprocessing(name, train), test)
    expected = closed_form_zca(contrast(flat(train)), contrast(flat(test)), epsilon)
    np.testing.assert_allclose(flat(result), expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(test, before)


def test_pixels_that_are_constant_in_training_are_set_to_zero():
    digits = load_dataset(DataConfig("digits", train_images=400))
    fitted = fit_preprocessing("gcn_zca", digits.train_images)
    train = flat(apply_preprocessing(fitted, digits.train_images))
    # A white image lights every pixel that the training set keeps black.
    test = np.full_like(digits.test_images[:1], 255)
    test[0, 0, 0] = 254
    constant = np.ptp(flat(digits.train_images), axis=0) == 0
    assert constant.any()
    white = flat(apply_preprocessing(fitted, test))
    for values in (train, white):
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values[:, constant], 0, atol=1e-5)


def test_fewer_images_than_pixels(rng):
    images = rng.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    fitted = fit_preprocessing("gcn_zca", images)
    white = flat(apply_preprocessing(fitted, images))
    # Five directions are left about the mean, each of variance 1 up to ε.
    eigenvalues = np.linalg.eigvalsh(np.cov(white.T, bias=True))
    np.testing.assert_allclose(eigenvalues[-5:], 1, rtol=1e-4)
    np.testing.assert_allclose(eigenvalues[:-5], 0, atol=1e-6)
    unseen = flat(apply_preprocessing(fitted, images[:, ::-1]))
    assert np.abs(unseen).max() < 10


def test_a_constant_image_stays_constant_under_per_image_contrast(images):
    fitted = fit_preprocessing("gcn_zca_per_image", images)
    blank = apply_preprocessing(fitted, np.full((1, 4, 5, 3), 128, np.uint8))
    expected = -np.asarray(fitted.pixel_mean) @ np.asarray(fitted.whitening)
    np.testing.assert_allclose(flat(blank)[0], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["standardize", "gcn_zca_per_image"])
def test_inside_jit_as_outside_and_independent_of_the_batch(name, images):
    fitted = fit_preprocessing(name, images)
    assert len(jax.tree.leaves(fitted)) == (4 if PREPROCESSING[name].zca_epsilon else 2)
    whole = apply_preprocessing(fitted, images[:6])
    compiled = jax.jit(apply_preprocessing)(fitted, jax.numpy.asarray(images[:6]))
    assert compiled.dtype == np.float32
    assert compiled.shape == (6, 4, 5, 3)
    np.testing.assert_allclose(compiled, whole, atol=1e-4)
    mapped = jax.vmap(apply_preprocessing, in_axes=(None, 0))(fitted, images[:6, None])
    np.testing.assert_allclose(mapped[:, 0], whole, atol=1e-4)


@pytest.mark.parametrize("name", PREPROCESSING)
def test_images_on_disk_give_the_same_fit_and_are_read_only_if_needed(name, images, monkeypatch):
    monkeypatch.setattr(whitening, "_BLOCK", 64)
    read = []
    stored = StoredImages(
        lambda number: read.append(number) or images[number], np.arange(300), (4, 5, 3), False
    )
    fitted, expected = fit_preprocessing(name, stored), fit_preprocessing(name, images)
    for one, other in zip(*map(jax.tree.leaves, (fitted, expected)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert bool(read) == (name not in ("none", "symmetric"))


def test_wrong_input(images):
    with pytest.raises(InputError, match=r"whitens, .* 150,528 values; expected 16,384 at most"):
        fit_preprocessing("gcn_zca", np.zeros((1, 224, 224, 3), np.uint8))
    with pytest.raises(InputError, match="preprocessing: unknown 'zca'; choose from gcn_zca"):
        fit_preprocessing("zca", images)
    for wrong in (images.astype(np.float32), images[0], images[:0]):
        with pytest.raises(InputError, match="train_images: expected uint8 of shape"):
            fit_preprocessing("standardize", wrong)
    with pytest.raises(InputError, match="train_images: every pixel is 9"):
        fit_preprocessing("gcn_zca", np.full((3, 2, 2, 1), 9, np.uint8))

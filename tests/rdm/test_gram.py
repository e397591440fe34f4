import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.rdm.gram import centred_gram, pattern_moments

# Stimuli and units that leave a part of a strip and of a block over.
SHAPE = (2, 300, 1500)


def exact_gram(patterns):
    centred = patterns - patterns.mean(axis=0)
    return centred @ centred.T


@pytest.mark.parametrize("from_device", [False, True], ids=["host", "device"])
@pytest.mark.parametrize("centre", [False, True])
def test_moments_are_exact_under_a_large_offset(rng, centre, from_device):
    activations = (rng.normal(size=SHAPE) + 1e4).astype(np.float32)
    array = jnp.asarray(activations) if from_device else activations
    exact = activations[1].astype(np.float64)
    mean = exact.mean(axis=1) if centre else np.zeros(SHAPE[1])
    moments = pattern_moments("activations", array, (1,), centre)
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(
        moments.length, np.linalg.norm(exact - mean[:, None], axis=1), rtol=1e-9
    )
    assert not moments.constant.any()


def test_constant_means_equal_in_every_unit():
    activations = np.full((3, 700), 0.1, np.float32)
    activations[1, 699] = np.nextafter(np.float32(0.1), np.float32(1))
    moments = pattern_moments("activations", activations, (), True)
    assert moments.constant.tolist() == [True, False, True]


@pytest.mark.parametrize("from_device", [False, True], ids=["host", "device"])
@pytest.mark.parametrize(("product", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_strips_hold_the_upper_triangle(rng, product, tolerance, from_device):
    activations = rng.random(SHAPE, np.float32)
    array = jnp.asarray(activations) if from_device else activations
    mean, scale = rng.random(SHAPE[1]), rng.random(SHAPE[1])
    expected = exact_gram((activations[1].astype(np.float64) - mean[:, None]) * scale[:, None])

    gram = centred_gram(array, (1,), mean, scale, product)

    start = 0
    for strip in gram.strips:
        assert strip.dtype == product
        rows = slice(start, start + len(strip))
        np.testing.assert_allclose(strip, expected[rows, start:], atol=tolerance * expected.max())
        start += len(strip)
    assert start == SHAPE[1]
    np.testing.assert_allclose(gram.diagonal, np.diagonal(expected), rtol=2 * tolerance)


def test_rounding_is_measured(rng):
    activations = rng.random(SHAPE[1:], np.float32)
    ones, zeros = np.ones(SHAPE[1]), np.zeros(SHAPE[1])
    exact = np.diagonal(exact_gram(activations.astype(np.float64)))
    gram = centred_gram(activations, (), zeros, ones, np.float32)
    everywhere = np.abs(gram.diagonal - exact).max() / exact.max()
    assert 0.3 * everywhere < gram.rounding < 1.5 * everywhere
    assert centred_gram(activations, (), zeros, ones, np.float64).rounding == 0


def test_patterns_with_factor_zero_have_no_part_in_the_mean(rng):
    activations = rng.random((5, 40))
    scale = np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    expected = exact_gram(np.delete(activations, 1, axis=0))
    gram = centred_gram(activations, (), np.zeros(5), scale, np.float64)
    np.testing.assert_allclose(np.delete(gram.diagonal, 1), np.diagonal(expected), rtol=1e-12)

"""Sums over units, what follows from them, and how exact that is, against explicit float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ensemble_rsa.rdm.build import compute_rdm
from ensemble_rsa.rdm.frame import Frame
from ensemble_rsa.rdm.gram import PatternSums
from ensemble_rsa.rdm.squares import describe, products, square_blocks

SHAPE = N_STIMULI, N_UNITS = 300, 600  # more than one strip of a product on an accelerator
CUTS = (256, 512)
HOST, DEVICE = np.asarray, jnp.asarray


def sums_of(activations, frame, product, convert=HOST):
    nothing_constant = np.zeros(len(activations), bool), activations[:, 0]
    sums = PatternSums(frame, np.dtype(product), product, *nothing_constant)
    with jax.enable_x64(True):
        for block in np.split(activations, CUTS, axis=1):
            sums.update(convert(block))
        sums.finish()
    return sums


@pytest.fixture
def frame(rng):
    return Frame(rng.random(N_STIMULI), 1 + rng.random(N_STIMULI))


@pytest.mark.parametrize("convert", [HOST, DEVICE], ids=["host", "device"])
@pytest.mark.parametrize(("product", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_sums_are_products_around_the_mean_pattern(rng, frame, convert, product, tolerance):
    activations = rng.random(SHAPE).astype(product)
    sums = sums_of(activations, frame, product, convert)
    placed = (activations.astype(float) - frame.mean[:, None]) * frame.scale[:, None]
    centre = placed.mean(axis=0)
    rows = np.vstack([placed - centre, centre, np.ones(N_UNITS)])
    expected = np.triu(rows @ rows.T)

    assert sums.gram.dtype == product
    upper = np.triu(sums.gram)
    scale = np.sqrt(np.outer(np.diagonal(expected), np.diagonal(expected)))
    np.testing.assert_array_less(np.abs(upper - expected)[:-1], 3 * tolerance * scale[:-1] + 1e-9)
    np.testing.assert_allclose(sums.common, expected[-2, -2:], rtol=1e-5)
    if product == np.float32:
        own = np.diagonal(expected)[:-2]
        np.testing.assert_allclose(sums.squares, own, rtol=4e-7)  # 600 units in sequence: 2e-6
        some = placed[:: sums.step]
        assert 32 <= len(some) == len(sums.exact) <= 64
        # z + c = y, whatever c is, so that this holds to float64 although c is rounded.
        square, with_centre, total = sums.exact.T
        square = square + 2 * with_centre + sums.common[0]
        np.testing.assert_allclose(square, np.square(some).sum(axis=1), rtol=1e-6)
        np.testing.assert_allclose(total + sums.common[1], some.sum(axis=1), rtol=1e-5)
    else:
        assert sums.exact.size == 0


@pytest.mark.parametrize("centre", [False, True])
def test_mean_and_length_are_exact_whatever_the_frame(rng, frame, centre):
    activations = rng.random(SHAPE) + 100
    mean = activations.mean(axis=1) if centre else np.zeros(N_STIMULI)
    used = frame if centre else Frame(np.zeros(N_STIMULI), frame.scale)
    patterns = describe(sums_of(activations, used, np.float64), centre)
    np.testing.assert_allclose(patterns.mean, mean, rtol=1e-12)
    length = np.linalg.norm(activations - mean[:, None], axis=1)
    np.testing.assert_allclose(patterns.length, length, rtol=1e-9)


def squares_of(sums):
    patterns = describe(sums, centre=True)
    made = products(sums, patterns, 1 / patterns.placed_length, True, True)
    return np.concatenate([*square_blocks(sums, made)]), made


def test_a_poor_frame_is_corrected(rng):
    activations = rng.normal(size=SHAPE)
    exact = activations - activations.mean(axis=1, keepdims=True)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    rows, columns = np.triu_indices(N_STIMULI, 1)
    expected = np.square(exact[rows] - exact[columns]).sum(axis=1)
    frame = Frame(rng.normal(size=N_STIMULI) * 10, np.exp(rng.normal(size=N_STIMULI)))
    squares, made = squares_of(sums_of(activations, frame, np.float64))
    np.testing.assert_allclose(squares, expected, rtol=1e-10)
    assert made.rounding < 1e-11


@pytest.mark.parametrize("part", ["squares", "along"])
def test_an_error_in_the_sums_is_measured(rng, part):
    activations = rng.normal(size=(6, 600)).astype(np.float32)
    sums = sums_of(activations, Frame(np.full(6, 0.5), np.exp(rng.normal(size=6))), np.float32)
    expected, _ = squares_of(sums)
    wrong = 1 + 1e-3 * rng.normal(size=6)
    if part == "squares":
        sums.gram[:6, :6] *= np.sqrt(np.outer(wrong, wrong)).astype(np.float32)
    else:
        sums.gram[:6, 6:] *= wrong[:, None].astype(np.float32)
    squares, made = squares_of(sums)
    error = np.abs(squares - expected).max()
    assert 1e-5 < error < 10 * made.rounding
    assert made.rounding < 30 * error


def test_float32_products_are_exact_to_a_few_roundings(rng):
    common, noise = rng.normal(size=4096), rng.normal(size=(60, 4096))
    activations = np.maximum(common + 0.3 * noise, 0).astype(np.float32)  # as after a ReLU
    expected = pdist(activations.astype(float), "correlation")
    assert expected.max() < 0.2
    # 1e-6 and more where squared lengths are taken from the product
    assert np.abs(compute_rdm(activations) - expected).max() <= 5e-7 * expected.max()

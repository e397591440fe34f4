import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.rdm.blocks import unit_blocks
from ensemble_rsa.rdm.frame import Frame
from ensemble_rsa.rdm.gram import add_block, no_sums, sums_at_once, working_dtype
from ensemble_rsa.rdm.squares import describe

# Stimuli and units that leave a part of a strip and of a block over.
SHAPE = (300, 600)
WIDTH = 256


@pytest.fixture
def frame(rng):
    return Frame(rng.random(SHAPE[0]), 1 + rng.random(SHAPE[0]))


def sums_of(array, frame, product):
    working = working_dtype(array.dtype, product or np.float64)
    with jax.enable_x64(True):
        sums = no_sums(SHAPE[0], product)
        for block, used in unit_blocks(array, (), WIDTH):
            sums = add_block(sums, block, frame, used, working)
    return sums


def placed(activations, frame):
    return (np.asarray(activations, np.float64) - frame.mean[:, None]) * frame.scale[:, None]


@pytest.mark.parametrize(
    ("kind", "product", "tolerance"),
    [
        (np.asarray, np.float32, 2e-6),
        (jnp.asarray, np.float32, 2e-6),
        (np.asarray, np.float64, 1e-12),
    ],
    ids=["host", "device", "float64"],
)
def test_strips_hold_products_around_a_common_pattern(rng, frame, kind, product, tolerance):
    activations = kind(rng.random(SHAPE, np.float32))
    sums = sums_of(activations, frame, product)
    exact = placed(activations, frame)
    exact -= exact.mean(axis=0)
    expected = exact @ exact.T

    start = 0
    for strip in sums.strips:
        assert strip.dtype == product
        rows = slice(start, start + len(strip))
        np.testing.assert_allclose(strip, expected[rows, start:], atol=tolerance * expected.max())
        start += len(strip)
    assert start == SHAPE[0]


@pytest.mark.parametrize("product", [np.float64, None], ids=["products", "lengths only"])
@pytest.mark.parametrize("centre", [False, True])
def test_mean_and_length_are_exact_whatever_the_frame(rng, frame, centre, product):
    activations = rng.random(SHAPE) + 100
    mean = activations.mean(axis=1) if centre else np.zeros(SHAPE[0])
    used = Frame(frame.mean if centre else np.zeros(SHAPE[0]), frame.scale)
    patterns = describe(sums_of(activations, used, product), used, SHAPE[1], centre)
    np.testing.assert_allclose(patterns.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(
        patterns.length, np.linalg.norm(activations - mean[:, None], axis=1), rtol=1e-9
    )


def test_some_patterns_are_summed_in_float64_too(rng, frame):
    activations = rng.random(SHAPE, np.float32)
    working = Frame(*(part.astype(np.float32).astype(float) for part in (frame.mean, frame.scale)))
    sums = sums_of(activations, working, np.float32)
    step = SHAPE[0] // 64
    assert sums.exact.shape == (len(range(0, SHAPE[0], step)), 3)
    # z + c = y, whatever c is: (z + c)·(z + c) and (z + c)·1 are those of the placed patterns.
    square, with_centre, total = np.asarray(sums.exact).T
    common = np.asarray(sums.common)
    expected = placed(activations, working)[::step]
    np.testing.assert_allclose(
        square + 2 * with_centre + common[0], np.square(expected).sum(axis=1), rtol=1e-12
    )
    np.testing.assert_allclose(total + common[1], expected.sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("n_units", [1, 5, 700])
def test_sums_at_once_are_the_same(rng, n_units):
    patterns = rng.random((7, n_units))
    frame = Frame(rng.random(7), 1 + rng.random(7))
    exact = placed(patterns, frame)
    centre = exact.mean(axis=0)
    exact -= centre
    sums = sums_at_once(patterns, frame)
    np.testing.assert_allclose(sums.strips[0], exact @ exact.T, atol=1e-12)
    np.testing.assert_allclose(sums.along, np.stack([exact @ centre, exact.sum(1)], 1), atol=1e-12)
    np.testing.assert_allclose(sums.common, [centre @ centre, centre.sum()])

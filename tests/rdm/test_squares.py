import numpy as np
import pytest

from ensemble_rsa.rdm.frame import Frame
from ensemble_rsa.rdm.gram import Sums, sums_at_once
from ensemble_rsa.rdm.squares import describe, fill_squares, pairs_with, products


def squares_of(sums, frame, n_units):
    patterns = describe(sums, frame, n_units, centre=True)
    made = products(sums, patterns, n_units, 1 / patterns.placed_length, True, True)
    out = np.empty(len(patterns.length) * (len(patterns.length) - 1) // 2)
    fill_squares(sums.strips, made, out)
    return out, made


def test_a_frame_that_is_far_off_is_put_right(rng):
    activations = rng.normal(size=(6, 40))
    exact = activations - activations.mean(axis=1, keepdims=True)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    expected = np.square(exact[:, None] - exact[None]).sum(axis=2)[np.triu_indices(6, 1)]
    frame = Frame(rng.normal(size=6) * 10, np.exp(rng.normal(size=6)))
    squares, made = squares_of(sums_at_once(activations, frame), frame, 40)
    np.testing.assert_allclose(squares, expected, rtol=1e-10)
    assert made.rounding < 1e-11


@pytest.mark.parametrize("part", ["strips", "along"])
def test_an_error_in_the_sums_is_measured(rng, part):
    activations = rng.normal(size=(6, 40))
    frame = Frame(np.full(6, 0.5), np.exp(rng.normal(size=6)))
    sums = sums_at_once(activations, frame)
    strip = sums.strips[0].astype(np.float32)
    exact = np.column_stack([np.diagonal(sums.strips[0]), sums.along])
    expected, _ = squares_of(sums._replace(strips=[sums.strips[0].copy()]), frame, 40)
    wrong = 1 + 1e-3 * rng.normal(size=6)
    along = sums.along
    if part == "strips":
        strip *= np.sqrt(np.outer(wrong, wrong)).astype(np.float32)
    else:
        along = along * wrong[:, None]

    squares, made = squares_of(Sums([strip], along, sums.common, exact), frame, 40)

    error = np.abs(squares - expected).max()
    assert 1e-5 < error < 10 * made.rounding
    assert made.rounding < 30 * error


def test_strips_are_used_up_in_order():
    patterns = np.random.default_rng(0).normal(size=(300, 5))
    frame = Frame(np.zeros(300), np.ones(300))
    sums = sums_at_once(patterns, frame)
    whole = sums.strips[0]
    strips = [whole[:256], whole[256:, 256:]]
    made = products(sums, describe(sums, frame, 5, False), 5, np.ones(300), False, False)
    out = np.empty(300 * 299 // 2)
    fill_squares(strips, made, out)
    rows, columns = np.triu_indices(300, 1)
    expected = np.square(patterns[rows] - patterns[columns]).sum(axis=1)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    assert strips == []


def test_pairs_with_some_stimuli():
    chosen = np.zeros(7, bool)
    chosen[[0, 4]] = True
    rows, columns = np.triu_indices(7, 1)
    expected = np.flatnonzero(chosen[rows] | chosen[columns])
    np.testing.assert_array_equal(np.unique(pairs_with(chosen)), expected)
    assert pairs_with(np.zeros(7, bool)).size == 0

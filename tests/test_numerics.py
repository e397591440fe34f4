import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa import numerics
from ensemble_rsa.numerics import correlation_matrix


def assert_correlated(rows, given=None, atol=1e-6):
    """The correlations are those of NumPy in float64; `given` are the same rows in another form."""
    expected = np.corrcoef(rows.astype(np.float64))
    found = correlation_matrix(rows if given is None else given)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def related_rows(rng, n_rows=4, n_columns=5000):
    return rng.normal(size=n_columns) + rng.normal(size=(n_rows, n_columns))


SCALES = [(0, 1), (1e4, 0.1), (-1e6, 1), (0, 1e-15), (0, 1e15)]


@pytest.mark.parametrize(("offset", "spread"), SCALES)
@pytest.mark.parametrize("as_array", [np.asarray, jnp.asarray])
def test_offset_and_scale_cost_no_digits(rng, offset, spread, as_array):
    rows = (offset + spread * related_rows(rng)).astype(np.float32)
    assert_correlated(rows, as_array(rows), atol=1e-5)


def test_one_extreme_entry_does_not_hide_the_others(rng):
    rows = related_rows(rng).astype(np.float32)
    rows[:, 0] = [900, -900, 900, 0]
    assert_correlated(rows, atol=1e-5)


def test_float64_rows_are_centred_before_they_are_rounded(rng):
    rows = 1e9 + related_rows(rng)  # in float32 these would all be 1e9
    assert_correlated(rows)


def test_many_blocks_give_what_one_block_gives(rng, monkeypatch):
    rows = related_rows(rng, n_columns=101).astype(np.float32).reshape(2, 2, 101)
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", 4 * 7)
    expected = [np.corrcoef(pair.astype(np.float64)) for pair in rows]
    np.testing.assert_allclose(correlation_matrix(rows), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float16, jnp.bfloat16, bool])
def test_narrow_types_neither_wrap_nor_round(dtype):
    rows = np.array([[5, 0, 9, 1, 0], [0, 3, 0, 250, 1], [7, 7, 0, 0, 1]]).astype(dtype)
    assert_correlated(rows)


def test_only_rows_that_are_constant_to_rounding_are_nan():
    last_digit, small = np.nextafter(0.1, 1), 0.1 * (1 + 1e-13)
    rows = np.array([[0.1, 0.1, 0.1], [0.1, last_digit, 0.1], [0.1, small, 0.1], [1.0, 3.0, 1.0]])
    correlations = correlation_matrix(rows)
    constant = np.array([True, True, False, False])
    np.testing.assert_array_equal(np.isnan(correlations), constant | constant[:, None])
    assert correlations[2, 3] == pytest.approx(1)


def test_standardised_rows_are_centred_and_within_one(rng):
    rows = (1e5 + related_rows(rng)).astype(np.float32)
    exact = rows.astype(np.float64) - rows.mean(-1, keepdims=True, dtype=np.float64)
    exact /= np.abs(rows.astype(np.float64) - rows[:, :1]).max(axis=1, keepdims=True)
    np.testing.assert_allclose(numerics.standardised(rows), exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_rows", [3, 65])
def test_pieces_and_one_product_are_the_same(rng, n_rows):
    rows = rng.normal(size=(2, n_rows, 100_000 // n_rows))
    expected = [np.corrcoef(group) for group in rows]
    np.testing.assert_allclose(correlation_matrix(rows), expected, rtol=0, atol=1e-12)

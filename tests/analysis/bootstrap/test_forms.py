import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import squareform

from ensemble_rsa import numerics
from ensemble_rsa.analysis.bootstrap.forms import pair_sums, quadratic_forms

N = 7


@pytest.mark.parametrize("entries", [2**20, 24])  # all pairs in one block, or a few in each
def test_both_ways_are_sums_over_pairs(rng, entries, monkeypatch):
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", entries)
    rows = rng.normal(size=(3, N * (N - 1) // 2)).astype(np.float32)
    counts = rng.integers(0, 4, (5, N)).astype(np.float64)
    first, second = np.array([0, 0, 1]), np.array([0, 2, 2])
    squares = jnp.asarray([squareform(row) for row in rows])
    # Over a < b, w_a w_b x_first x_second: pair by pair in float64.
    a, b = np.triu_indices(N, 1)
    products, weights = rows[first].astype(np.float64) * rows[second], counts[:, a] * counts[:, b]
    forms = quadratic_forms(squares, counts, first, second)
    np.testing.assert_allclose(forms, products @ weights.T, rtol=0, atol=1e-4)
    chosen = rng.random(rows.shape[-1]) < 0.5
    sums = pair_sums(rows[:, chosen], np.flatnonzero(chosen), counts, first, second)
    np.testing.assert_allclose(sums, products @ (weights * chosen).T, rtol=0, atol=1e-4)

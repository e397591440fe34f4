"""Variance components of crossed seeds, by mean squares of the analysis of variance."""

import numpy as np
import pytest
from scipy.stats import rankdata

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError

A, B, PAIRS = 4, 3, 45
SEEDS = {"weights": np.repeat(np.arange(A), B), "order": np.tile(["x", "y", "z"], A)}


@pytest.fixture
def rdms(rng):
    """Two layers of all combinations."""
    parts = rng.random((2, 1, 1, PAIRS)), rng.random((2, A, 1, PAIRS)), rng.random((2, 1, B, PAIRS))
    whole = 3 * parts[0] + 1.5 * parts[1] + 1.2 * parts[2] + rng.random((2, A, B, PAIRS))
    return whole.reshape(2, A * B, PAIRS)


def by_mean_squares(rows):
    """σ² of both factors and of the rest, for one layer, summed over standardised distances."""
    z = (rows - rows.mean(-1, keepdims=True)) / rows.std(-1, keepdims=True)
    z = z.reshape(A, B, -1) / np.sqrt(z.shape[-1])
    of_a, of_b, mean = z.mean(1, keepdims=True), z.mean(0, keepdims=True), z.mean((0, 1))
    ms_a = B * ((of_a - mean) ** 2).sum() / (A - 1)
    ms_b = A * ((of_b - mean) ** 2).sum() / (B - 1)
    ms_rest = ((z - of_a - of_b + mean) ** 2).sum() / ((A - 1) * (B - 1))
    return [(ms_a - ms_rest) / B, (ms_b - ms_rest) / A, ms_rest]


def test_components_are_those_of_expected_mean_squares(rdms):
    found = ersa.crossed_variance_components(rdms, SEEDS)
    expected = np.transpose([by_mean_squares(layer) for layer in rdms])
    assert (expected > 0).all()
    assert found.names == ("weights", "order", "weights × order")
    np.testing.assert_allclose(found.value, expected, rtol=1e-10)
    np.testing.assert_allclose(found.share, expected / expected.sum(0), rtol=1e-10)
    np.testing.assert_allclose(1 - found.similarity[2], expected.sum(0), rtol=1e-10)
    ranked = ersa.crossed_variance_components(rdms, SEEDS, "spearman")
    of_ranks = np.transpose([by_mean_squares(rankdata(layer, axis=-1)) for layer in rdms])
    np.testing.assert_allclose(ranked.value, of_ranks, rtol=1e-6)
    mixed = np.random.default_rng(1).permutation(A * B)
    again = ersa.crossed_variance_components(
        rdms[:, mixed], {name: levels[mixed] for name, levels in SEEDS.items()}
    )
    np.testing.assert_allclose(again.value, found.value)


def test_components_of_many_networks_are_those_they_were_made_of(rng):
    n, pairs = 60, 45 * 44 // 2
    truth = np.array([0.3, 0.1, 0.2])  # and 0.4 for the part that all share
    draw = lambda *shape: rng.normal(size=(*shape, pairs))
    rows = np.sqrt(0.4) * draw() + np.sqrt(truth[0]) * draw(n, 1) + np.sqrt(truth[1]) * draw(1, n)
    rows = (rows + np.sqrt(truth[2]) * draw(n, n)).reshape(n * n, pairs)
    seeds = {"weights": np.repeat(np.arange(n), n), "order": np.tile(np.arange(n), n)}
    found = ersa.crossed_variance_components(rows, seeds)
    np.testing.assert_allclose(found.value, truth, atol=0.02)
    assert not found.clipped.any()


def test_a_factor_without_effect_has_a_small_or_clipped_share(rng):
    found = ersa.crossed_variance_components(rng.random((40, A * B, PAIRS)), SEEDS)
    assert (found.value[:2].mean(1) < 0.03).all()
    assert found.clipped[:2].any()
    assert (found.value[found.clipped] == 0).all()
    np.testing.assert_allclose(found.share.sum(0), 1)


REFUSED = {
    "factors: expected two factors by name, with their levels, got \\['weights'\\]": {
        "order": None
    },
    "factors\\['order'\\]: expected one label for each of 12 instances": {"order": [1, 2]},
    "factors\\['order'\\]: expected two levels or more, got 'x' alone": {"order": ["x"] * 12},
    "factors: expected each of 12 combinations .* 1 that are missing and 1 repeated": {
        "order": np.append(SEEDS["order"][:-1], "x")
    },
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message, rdms):
    factors = {k: v for k, v in (SEEDS | REFUSED[message]).items() if v is not None}
    with pytest.raises(InputError, match=message):
        ersa.crossed_variance_components(rdms, factors)


def test_squared_comparisons_are_refused(rdms):
    with pytest.raises(InputError, match="comparison: unknown 'pearson_squared'; choose from"):
        ersa.crossed_variance_components(rdms, SEEDS, "pearson_squared")

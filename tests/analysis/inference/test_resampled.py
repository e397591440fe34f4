"""Similarities under resampled stimuli are those of RDMs that are rebuilt from the resample."""

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from ensemble_rsa.analysis.bootstrap.draws import draw_counts
from ensemble_rsa.analysis.inference.resampled import resampled_similarities
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.missing import compare_rows_present

N = 12
COMPARISONS = ("pearson", "spearman", "cosine", "rho_a", "tau_a", "corr_cov", "cosine_cov")


def rebuilt(rows, counts):
    drawn = np.repeat(np.arange(N), counts.astype(int))
    squares = np.array([squareform(row) for row in rows])
    squares[:, range(N), range(N)] = np.nan  # pairs of a stimulus with itself
    return squares[:, drawn][:, :, drawn][:, *pair_indices(len(drawn))]


def tied(*shape):
    return np.round(np.random.default_rng(len(shape) + shape[0]).random(shape), 1)


def without_a_stimulus(rows):
    first, second = pair_indices(N)
    rows = rows.copy()
    rows[1, (first == 3) | (second == 3)] = np.nan
    return rows


def without_pairs(rows):
    rows = rows.copy()
    rows[0, [0, 5, 8]] = np.nan
    return rows


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("lacking", [np.copy, without_a_stimulus, without_pairs])
def test_similarities_are_those_of_the_rebuilt_rdms(comparison, lacking):
    rows, others = tied(3, 66), lacking(tied(4, 66))
    if comparison.endswith("cov") and lacking is without_pairs:
        with pytest.raises(InputError, match="lack either all distances of a stimulus or none"):
            resampled_similarities(rows, others, N, comparison)
        return
    counts = draw_counts(np.random.default_rng(1), slice(0, 4), N)
    found = resampled_similarities(rows, others, N, comparison)(counts)
    expected = [
        compare_rows_present("rdms", rebuilt(rows, each), rebuilt(others, each), comparison)
        for each in counts
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)  # sums in float32


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_a_constant_rdm_gives_nan(comparison):
    counts = np.zeros((1, N))
    counts[0, :3] = 4
    rows, others = tied(2, 66), tied(3, 66)
    value = 0.0 if comparison.startswith("cosine") else 0.5
    rows[0, [0, 1, 11]] = value  # the distances of the three stimuli
    found = resampled_similarities(rows, others, N, comparison)(counts)[0]
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_tau_a_of_many_stimuli_is_refused():
    with pytest.raises(InputError, match="'tau_a' under resampling takes hours with 101 stimuli"):
        resampled_similarities(np.ones((1, 5050)), np.ones((1, 5050)), 101, "tau_a")

"""RDMs that lack distances, as those of brains do: refused, or compared by what they share."""

from functools import partial

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import squareform

from ensemble_rsa.analysis.bootstrap.consistency import (
    bootstrap_category_clustering_index,
    bootstrap_consistency,
    bootstrap_within_category_consistency,
)
from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import (
    consistency,
    consistency_between,
    second_level_distances,
    within_category_consistency,
)
from ensemble_rsa.analysis.groups import compare_groups
from ensemble_rsa.analysis.mds import mds
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.missing import MissingDistancesWarning
from tests.analysis.reference import check_samples, resamples, weighted_mean

LABELS = np.array(list("bacabbabacbcab"))
N_STIMULI, N_INSTANCES = len(LABELS), 4
ONE, OTHER = np.triu_indices(N_STIMULI, 1)
SAME = LABELS[ONE] == LABELS[OTHER]
WITH_NAN = pytest.mark.filterwarnings("ignore::ensemble_rsa.rdm.missing.MissingDistancesWarning")


@pytest.fixture
def rdms(rng):
    """Four RDMs of which each lacks other distances, and one lacks none."""
    rdms = 1 + rng.random(ONE.size) + rng.random((N_INSTANCES, ONE.size))
    rdms[:3][rng.random((3, ONE.size)) < 0.2] = np.nan
    return rdms


def by_hand(rows, others=None, correlate=lambda x, y: np.corrcoef(x, y)[0, 1] ** 2):
    """Compare every two rows over the columns that both have, in a plain loop."""
    others = rows if others is None else others
    result = np.empty((len(rows), len(others)))
    for i, x in enumerate(rows):
        for j, y in enumerate(others):
            both = ~np.isnan(x) & ~np.isnan(y)
            constant = not both.any() or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0
            result[i, j] = np.nan if constant else correlate(x[both], y[both])
    return result


def of_pairs(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


COMPARED = {
    "pearson_squared": lambda x, y: np.corrcoef(x, y)[0, 1] ** 2,
    "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
    "cosine": lambda x, y: x @ y / np.sqrt((x @ x) * (y @ y)),
}


@WITH_NAN
@pytest.mark.parametrize("comparison", COMPARED)
def test_two_rdms_are_compared_over_the_pairs_that_both_have(rdms, comparison):
    expected = by_hand(rdms, correlate=COMPARED[comparison])
    options = {"comparison": comparison, "missing": "drop"}
    np.testing.assert_allclose(consistency(rdms, **options), of_pairs(expected), rtol=1e-9)
    between = consistency_between(rdms[:1], rdms[1:], **options)
    np.testing.assert_allclose(between, expected[:1, 1:], rtol=1e-9)
    distances = second_level_distances(rdms, **options)
    np.testing.assert_allclose(distances, 1 - expected, rtol=0, atol=1e-9)
    same = of_pairs(by_hand(rdms[:, SAME], correlate=COMPARED[comparison]))
    np.testing.assert_allclose(within_category_consistency(rdms, LABELS, **options), same)


@WITH_NAN
def test_where_all_rdms_lack_the_same_pairs_rsatoolbox_agrees(rdms):
    from rsatoolbox.rdm import RDMs, compare

    rdms = np.where(np.isnan(rdms).any(0), np.nan, rdms)
    for comparison, theirs in (("pearson", "corr"), ("spearman", "spearman"), ("cosine", "cosine")):
        expected = of_pairs(compare(RDMs(rdms), RDMs(rdms), theirs))
        found = consistency(rdms, comparison, missing="drop")
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@WITH_NAN
def test_layers_containers_and_square_rdms(rdms):
    layers = np.stack([rdms, rdms[::-1], np.nan_to_num(rdms, nan=1.5)])
    found = consistency(layers, missing="drop")
    expected = [of_pairs(by_hand(layer)) for layer in layers]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    masked = np.ma.masked_invalid(layers)
    np.testing.assert_array_equal(consistency(masked, missing="drop"), found)
    squares = np.array([squareform(np.nan_to_num(rdm, nan=-1)) for rdm in rdms])
    squares[squares == -1] = np.nan
    squares[:, 3, 3] = np.nan  # a diagonal is often missing too
    np.testing.assert_array_equal(consistency(squares, missing="drop"), found[0])
    squares[0, 4, 2] = np.nan if np.isfinite(squares[0, 4, 2]) else 1.0  # one half only
    with pytest.raises(InputError, match="symmetric"):
        consistency(squares, missing="drop")


def clustering_by_hand(rows, same):
    within = np.array([np.nanmean(row[same]) for row in rows])
    across = np.array([np.nanmean(row[~same]) for row in rows])
    return (across - within) / (across + within)


@WITH_NAN
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_clustering_leaves_missing_distances_out_of_its_means(rdms, dtype):
    found = category_clustering_index(rdms.astype(dtype), LABELS, missing="drop")
    np.testing.assert_allclose(found, clustering_by_hand(rdms, SAME), rtol=0, atol=1e-6)


@WITH_NAN
def test_groups_that_lack_distances(rdms, rng):
    others = rdms + rng.random(rdms.shape)
    result = compare_groups(rdms, others, n_permutations=100, missing="drop")
    assert result.within_a == pytest.approx(of_pairs(by_hand(rdms)).mean(), rel=1e-9)
    assert result.within_b == pytest.approx(of_pairs(by_hand(others)).mean(), rel=1e-9)
    assert result.between == pytest.approx(by_hand(rdms, others).mean(), rel=1e-9)


def drawn(rdms, counts):
    """The RDMs of the drawn stimuli, without pairs of a stimulus with itself, and their labels."""
    stimuli = np.repeat(np.arange(N_STIMULI), counts.astype(int))
    a, b = (stimuli[side] for side in np.triu_indices(len(stimuli), 1))
    a, b = a[a != b], b[a != b]
    squares = []
    for rdm in rdms:
        square = np.full((N_STIMULI, N_STIMULI), np.nan)
        square[ONE, OTHER] = square[OTHER, ONE] = rdm
        squares.append(square[a, b])
    return np.array(squares), LABELS[a] == LABELS[b]


STATISTICS = {
    "consistency": (bootstrap_consistency, lambda rows, same: by_hand(rows)),
    "within categories": (
        partial(bootstrap_within_category_consistency, labels=LABELS),
        lambda rows, same: by_hand(rows[:, same]),
    ),
    "clustering": (
        partial(bootstrap_category_clustering_index, labels=LABELS),
        clustering_by_hand,
    ),
}


@WITH_NAN
@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("over", ["instances", "stimuli", "both"])
def test_every_resample_is_that_of_the_rebuilt_rdms(rdms, name, over):
    run, statistic = STATISTICS[name]
    result = run(rdms, over=over, n_resamples=30, seed=2, missing="drop")
    whole = statistic(*drawn(rdms, np.ones(N_STIMULI)))
    expected = [
        weighted_mean(whole if over == "instances" else statistic(*drawn(rdms, stimuli)), instances)
        for stimuli, instances in resamples(over, 30, N_STIMULI, N_INSTANCES, seed=2)
    ]
    check_samples(result, expected, atol=3e-5)
    assert result.mean == pytest.approx(weighted_mean(whole, np.ones(N_INSTANCES)), rel=1e-9)


@WITH_NAN
def test_over_pairs_the_values_of_common_distances_are_drawn(rdms):
    result = bootstrap_consistency(rdms, over="pairs", n_resamples=40, missing="drop")
    assert result.mean == pytest.approx(of_pairs(by_hand(rdms)).mean(), rel=1e-9)
    assert of_pairs(by_hand(rdms)).min() < result.low < result.high


def test_the_number_of_distances_in_common_is_said(rdms):
    present = ~np.isnan(rdms)
    common = of_pairs(present.astype(int) @ present.T.astype(int))
    message = (
        rf"rdms: 3 of 4 RDMs lack distances.* between {common.min()} and {common.max()} of 91 are"
    )
    for function in (consistency, partial(bootstrap_consistency, n_resamples=10)):
        with pytest.warns(MissingDistancesWarning, match=message):
            function(rdms, missing="drop")


def test_complete_rdms_give_the_same_without_a_warning(rng):
    rdms = rng.random((3, 91))
    np.testing.assert_array_equal(consistency(rdms, missing="drop"), consistency(rdms))
    plain, dropping = (
        bootstrap_consistency(rdms, "stimuli", 20, missing=missing)
        for missing in ("refuse", "drop")
    )
    np.testing.assert_array_equal(plain.samples, dropping.samples)


SHARED = np.array([[1.0, 2, np.nan, np.nan, np.nan, 5], [1.0, 3, 4, np.nan, 7, np.nan]])


@WITH_NAN
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: consistency(SHARED), r"rdms: .* 5 NaN or inf.*missing='drop'"),
        (lambda: consistency(np.array([[1.0, np.inf, 2], [1, 2, 3]])), r"rdms: .*inf"),
        (
            lambda: consistency(np.array([[1.0, np.inf, 2], [1, 2, 3]]), missing="drop"),
            r"rdms: expected finite numbers, got 1 inf, the first at \(0, 1\)",
        ),
        (
            lambda: consistency(SHARED, missing="drop"),
            r"rdms: expected 3 distances or more .* got 2 of RDMs \[0\] and \[1\]",
        ),
        (
            lambda: consistency(
                np.array([[1.0, 1, 1, 2, 3, 4], [1, 2, 3, np.nan, np.nan, np.nan]]), missing="drop"
            ),
            r"rdms: .*constant RDM over the 3 distances that RDMs",
        ),
        (lambda: consistency(SHARED, missing="omit"), r"missing: unknown 'omit'; choose from"),
        (
            lambda: category_clustering_index([np.nan, 1.0, 1.0], list("aab"), missing="drop"),
            r"rdms: expected a distance within and one across",
        ),
        (lambda: mds(SHARED), r"rdm: .*every distance is needed here"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()

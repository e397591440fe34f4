from itertools import combinations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.analysis.consistency import (
    consistency,
    consistency_between,
    second_level_distances,
    within_category_consistency,
)
from ensemble_rsa.errors import FewStimuliWarning, InputError


def correlation_rdms(rng, n_instances=4, n_stimuli=30, n_units=20):
    shared = rng.normal(size=(n_stimuli, n_units))
    patterns = shared + rng.normal(size=(n_instances, n_stimuli, n_units))
    return np.array([pdist(x, "correlation") for x in patterns], np.float32)


# Ranks are 1 2 3, 1 3 2, 3 2 1: r and rho are 1/2 and −1, and −1/2 between the last two.
BY_HAND = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0]])


def test_shared_variance_by_hand():
    np.testing.assert_allclose(consistency(BY_HAND), [1 / 4, 1, 1 / 4], atol=1e-7)


def test_leading_axes_are_kept_apart_and_inputs_left_alone(rng):
    rdms = rng.random((2, 3, 4, 45)).astype(np.float32)
    before = rdms.copy()
    result = consistency(rdms)
    assert result.shape == (2, 3, 6)
    np.testing.assert_allclose(result[1, 2], consistency(jnp.asarray(rdms[1, 2])), atol=1e-6)
    np.testing.assert_array_equal(rdms, before)


@pytest.mark.parametrize(
    ("comparison", "theirs"),
    [
        ("pearson", "corr"), ("spearman", "spearman"), ("cosine", "cosine"), ("rho_a", "rho-a"),
        ("tau_a", "tau-a"), ("corr_cov", "corr_cov"), ("cosine_cov", "cosine_cov"),
    ],
)  # fmt: skip
def test_comparisons_are_rsatoolboxs_in_the_order_of_combinations(rng, comparison, theirs):
    from rsatoolbox.rdm import RDMs, compare

    rdms = correlation_rdms(rng).astype(np.float64).round(2)  # with ties
    every = compare(RDMs(rdms), RDMs(rdms), theirs)
    pairs = [every[i, j] for i, j in combinations(range(4), 2)]
    np.testing.assert_allclose(consistency(rdms, comparison), pairs, atol=1e-12)
    between = consistency_between(rdms[:3], rdms[1:], comparison)
    np.testing.assert_allclose(between, every[:3, 1:], atol=1e-12)
    squared = consistency_between(rdms[:3], rdms[1:], f"{comparison}_squared")
    np.testing.assert_allclose(squared, every[:3, 1:] ** 2, atol=1e-12)
    if comparison == "pearson":
        np.testing.assert_allclose(consistency(rdms), np.square(pairs), atol=1e-12)


def test_two_groups_are_a_part_of_one_large_group(rng):
    layers, regions = rng.random((3, 2, 4, 28)), rng.random((2, 3, 28))
    result = consistency_between(layers, regions)
    assert result.shape == (3, 2, 4, 3)
    together = np.concatenate([layers[2, 1], regions[1]])
    expected = np.corrcoef(together)[:4, 4:] ** 2
    np.testing.assert_allclose(result[2, 1], expected, atol=1e-12)


LABELS = ["dog", "cat", "dog", "cat", "ant", "dog", "cat"]  # not in order, of unequal sizes


def test_pooled_is_one_correlation_over_all_same_category_pairs(rng):
    rdms = rng.random((3, 21))
    same = [first == second for first, second in combinations(LABELS, 2)]
    expected = np.corrcoef(rdms[:, same])[np.triu_indices(3, 1)] ** 2
    np.testing.assert_allclose(within_category_consistency(rdms, LABELS), expected, atol=1e-12)


def test_whitening_knows_which_pairs_share_a_stimulus(rng):
    """rsatoolbox, given NaN between categories, whitens by the covariance of what is left."""
    from rsatoolbox.rdm import RDMs, compare

    rdms = rng.random((3, 21))
    same = np.array([first == second for first, second in combinations(LABELS, 2)])
    theirs = RDMs(np.where(same, rdms, np.nan))
    expected = compare(theirs, theirs, "corr_cov")[np.triu_indices(3, 1)]
    found = within_category_consistency(rdms, LABELS, comparison="corr_cov")
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")
def test_per_category_is_a_mean_over_categories(rng):
    labels = np.repeat([2, 0, 1], [4, 3, 5])[rng.permutation(12)]
    rdms = rng.random((2, 3, 66))
    pairs = np.array(list(combinations(labels, 2)))
    own = [rdms[..., (pairs == category).all(1)] for category in range(3)]
    r = np.array([[np.corrcoef(layer)[np.triu_indices(3, 1)] for layer in each] for each in own])
    for comparison, values in (("pearson", r), ("pearson_squared", r**2)):
        result = within_category_consistency(rdms, labels, "per_category", comparison)
        np.testing.assert_allclose(result, values.mean(0), rtol=0, atol=1e-9)


def test_few_stimuli_in_a_category_are_told_with_what_unrelated_networks_have(rng):
    labels = np.repeat([0, 1], 4)
    with pytest.warns(FewStimuliWarning, match=r"of 4 to 4 stimuli: r² of .* is 0\.20 on average"):
        found = within_category_consistency(rng.normal(size=(60, 28)), labels, "per_category")
    assert found.mean() == pytest.approx(0.2, abs=0.02)


def test_second_level_distances_are_scipys_correlation_distances(rng):
    rdms = (100 + rng.random((2, 5, 28))).astype(np.float32)
    result = second_level_distances(jnp.asarray(rdms))
    expected = [squareform(pdist(layer.astype(np.float64), "correlation")) for layer in rdms]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(result, result.mT)


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [  # cosines are 13/14 and 10/14
        ("pearson", [0, 1 / 2, 2]),
        ("spearman", [0, 1 / 2, 2]),
        ("spearman_squared", [0, 3 / 4, 0]),
        ("pearson_squared", [0, 3 / 4, 0]),
        ("cosine", [0, 1 / 14, 4 / 14]),
    ],
)
def test_second_level_distances_by_hand(comparison, expected):
    result = second_level_distances(BY_HAND, comparison)
    np.testing.assert_allclose(result[0], expected, atol=1e-12)
    assert (np.diagonal(result) == 0).all()


VARIED = np.arange(12.0).reshape(2, 6) ** 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: consistency(VARIED[:1]), r"rdms: .* at least two instances, got \(1, 6\)"),
        (lambda: consistency(VARIED[0]), r"rdms: expected shape"),
        (lambda: consistency(np.ones((2, 7))), r"rdms: .*got 7"),
        (
            lambda: consistency(np.where(VARIED == 16, np.nan, VARIED)),
            r"rdms: .*NaN or inf, the first at \(0, 4\)",
        ),
        (
            lambda: consistency(np.stack([VARIED, VARIED * [[1], [0]]])),
            r"rdms: .*1 constant RDM.*\[1, 1\]",
        ),
        (lambda: consistency(np.array([["a"] * 6] * 2)), r"rdms: expected real numbers"),
        (lambda: second_level_distances([[1.0, 2, 3], [5, 5, 5]]), r"rdms: .*constant.*\[1\]"),
        (lambda: consistency_between(np.ones((1, 6)), VARIED), r"rdms: .*1 constant RDM.*\[0\]"),
    ],
)
def test_wrong_rdms_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (np.ones((2, 10)), r"others: expected RDMs of 4 stimuli as in rdms, got 5"),
        (np.arange(36.0).reshape(3, 2, 6), r"others: .*broadcast against \(2,\) .*got \(3,\)"),
        (np.arange(6.0), r"others: expected shape \(\.\.\., instance, stimulus_pair\), got \(6,\)"),
        (np.array([[1, 2, 3, 4, 5, 6], [7] * 6]), r"others: .*1 constant RDM.*\[1\]"),
        (np.array([[1, 2, 3, 4, 5, np.inf]]), r"others: .*NaN or inf"),
    ],
)
def test_a_wrong_other_group_is_named(rng, others, message):
    with pytest.raises(InputError, match=message):
        consistency_between(rng.random((2, 3, 6)), others)


@pytest.mark.parametrize(
    ("labels", "aggregate", "message"),
    [
        ("aab", "pooled", r"labels: expected one label for each of 4 stimuli"),
        ("abcd", "pooled", r"labels: expected a category with two stimuli"),
        ("aabb", "per_category", r"labels: .*'a' has fewer"),
        ("aaab", "per_category", r"labels: .*'b' has fewer"),
        ("aabc", "pooled", r"rdms \(same-category pairs\): .*constant"),
        ("aabb", "mean", r"aggregate: unknown 'mean'; choose from pooled, per_category"),
    ],
)
def test_wrong_categories_are_named(labels, aggregate, message):
    with pytest.raises(InputError, match=message):
        within_category_consistency(VARIED, list(labels), aggregate)

"""Distances that should be equal, and differ by rounding only: their correlations are noise."""

from functools import partial

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.bootstrap.centroids import bootstrap_centroid_consistency
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
from ensemble_rsa.analysis.random_categories import random_category_consistency
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.build import cocktail_blank, compute_rdm

N_STIMULI, N_UNITS = 12, 50
LABELS = list("aaaabbbbcccc")


def gains(rng, *leading):
    return rng.uniform(0.5, 3, (*leading, N_STIMULI, 1))


COLLINEAR = {  # the patterns, and the distances that are 0 for all of them
    "multiples": (
        lambda rng: gains(rng) * rng.normal(size=N_UNITS),
        ("correlation", "cosine", "unit_euclidean"),
    ),
    "multiples with an offset each": (
        lambda rng: gains(rng) * rng.normal(size=N_UNITS) + rng.normal(size=(N_STIMULI, 1)),
        ("correlation",),
    ),
    "multiples far from 0": (
        lambda rng: gains(rng) * rng.normal(size=N_UNITS) + 1e4,
        ("correlation",),
    ),
    "equal but for the last digit": (
        lambda rng: (
            rng.normal(size=N_UNITS) * (1 + 2**-24 * rng.integers(-1, 2, (N_STIMULI, N_UNITS)))
        ),
        ("correlation", "cosine", "euclidean", "unit_euclidean", "norm_difference"),
    ),
    "of unit length": (
        lambda rng: (lambda x: x / np.linalg.norm(x, axis=1, keepdims=True))(
            rng.normal(size=(N_STIMULI, N_UNITS)).astype(np.float32)
        ),
        ("norm_difference",),
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", COLLINEAR)
def test_distances_below_the_rounding_of_the_patterns_are_exactly_zero(rng, kind, dtype):
    make, distances = COLLINEAR[kind]
    patterns = make(rng).astype(np.float32 if "last" in kind else dtype).astype(dtype)
    for distance in distances:
        assert not compute_rdm(patterns, distance).any()
        assert not compute_rdm(patterns, distance, "float64").any()
        if distance != "euclidean":  # a stream cannot be read again
            blocks = np.split(patterns, [N_UNITS // 3], axis=-1)
            assert not compute_rdm(iter(blocks), distance).any()


def test_small_distances_that_the_patterns_do_hold_are_kept(rng):
    constant = np.full((N_STIMULI, N_UNITS), 1e6, np.float32)  # rounded to 0.06
    constant[:, 7] = 0.01 * rng.random(N_STIMULI)
    expected = pdist(constant.astype(np.float64))
    tolerance = {"rtol": 0, "atol": 1e-5 * expected.max()}
    np.testing.assert_allclose(compute_rdm(constant, "euclidean"), expected, **tolerance)
    nearly = 1 + 1e-6 * rng.normal(size=(N_STIMULI, N_UNITS))  # in float64
    unit = nearly / np.linalg.norm(nearly, axis=1, keepdims=True)
    expected = pdist(unit) ** 2 / 2
    np.testing.assert_allclose(compute_rdm(nearly, "cosine"), expected, rtol=1e-4)


def test_the_blank_of_equal_patterns_is_zero(rng):
    patterns = np.repeat(rng.random((1, N_UNITS)), 7, axis=0)  # a sum of seven is rounded
    assert not cocktail_blank(patterns).any()


def one_minus_r(rng, dtype=np.float64):
    """Rounding of 1 − r, of RDMs that were computed elsewhere."""
    patterns = gains(rng, 3) * rng.normal(size=(3, 1, N_UNITS))
    rdms = np.array([pdist(each.astype(np.float64), "correlation") for each in patterns])
    if dtype == np.float32:
        rdms = rng.integers(-2, 3, rdms.shape) * np.float32(2**-24)
    assert 0 < np.abs(rdms).max() < 1e-6
    return rdms.astype(dtype)


def all_one(rng, dtype=np.float64):
    """1 − r of patterns of which each has one unit of its own."""
    n_pairs = N_STIMULI * (N_STIMULI - 1) // 2
    return (1 + np.finfo(dtype).eps * rng.integers(0, 4, (3, n_pairs))).astype(dtype)


TAKE_RDMS = {
    "consistency": consistency,
    "ranks": partial(consistency, comparison="spearman"),
    "within categories": partial(within_category_consistency, labels=LABELS),
    "second level": second_level_distances,
    "bootstrap": partial(bootstrap_consistency, over="stimuli", n_resamples=20),
    "bootstrap over pairs": partial(bootstrap_consistency, n_resamples=20),
    "bootstrap within categories": partial(
        bootstrap_within_category_consistency, labels=LABELS, over="both", n_resamples=20
    ),
    "between": lambda rdms: consistency_between(rdms, np.random.default_rng(0).random(rdms.shape)),
    "groups": lambda rdms: compare_groups(np.random.default_rng(0).random(rdms.shape), rdms),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [one_minus_r, all_one])
@pytest.mark.parametrize("function", TAKE_RDMS)
def test_rdms_that_differ_by_rounding_only_are_refused_as_constant(rng, function, make, dtype):
    with pytest.raises(InputError, match=r"constant RDM"):
        TAKE_RDMS[function](make(rng, dtype))
    with pytest.raises(InputError, match=r"constant RDM"):  # float32 stored as float64
        TAKE_RDMS[function](make(rng, dtype).astype(np.float64))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda rdms: consistency(rdms, "cosine"), "constant RDM"),
        (lambda rdms: category_clustering_index(rdms, LABELS), "mean distances above 0"),
        (
            lambda rdms: bootstrap_category_clustering_index(rdms, LABELS, "stimuli", 20),
            "mean distances above 0",
        ),
        (lambda rdms: mds(np.abs(rdms)), "at distance 0 from all"),
    ],
)
def test_distances_that_are_all_zero_to_rounding_are_refused(rng, function, message):
    with pytest.raises(InputError, match=message):
        function(one_minus_r(rng))


def test_equal_distances_are_sound_where_they_are_not_correlated(rng):
    np.testing.assert_allclose(category_clustering_index(all_one(rng), LABELS), 0, atol=1e-12)
    np.testing.assert_allclose(consistency(all_one(rng), "cosine"), 1, rtol=1e-12)


def test_small_distances_of_another_scale_are_sound(rng):
    rdms = rng.random((2, 66))
    expected = np.corrcoef(rdms)[0, 1] ** 2
    for scale in (1e-13, 1e-26):  # Euclidean between measurements in tesla, and its square
        np.testing.assert_allclose(consistency(scale * rdms), [expected], rtol=1e-9)


def test_centroids_of_collinear_patterns_are_refused(rng):
    collinear = (gains(rng, 2) * rng.normal(size=(2, 1, N_UNITS))).astype(np.float32)
    with pytest.raises(InputError, match="centroid RDMs.*constant RDM"):
        random_category_consistency(collinear, LABELS, n_draws=10)
    with pytest.raises(InputError, match="centroid RDMs.*constant RDM"):
        bootstrap_centroid_consistency(collinear, LABELS, over="stimuli", n_resamples=10)

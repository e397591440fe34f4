"""Square RDMs of any number of stimuli are read as square, and nearly square ones refused."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import cdist, squareform

import ensemble_rsa as ersa
from ensemble_rsa.arrays import check_rdms
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop import label_rdms

RDM_AXES = "(..., instance, stimulus_pair)"


@pytest.mark.parametrize("n_stimuli", [2, 3, 4, 6, 10, 13, 15])
@pytest.mark.parametrize("n_instances", [2, 3, 6, 78])
def test_square_rdms_are_never_taken_for_condensed_ones(rng, n_stimuli, n_instances):
    condensed = 0.1 + rng.random((n_instances, n_stimuli * (n_stimuli - 1) // 2))
    square = np.array([squareform(rdm) for rdm in condensed])
    rounded = square + 1e-8 * rng.random(square.shape)
    named = xr.DataArray(np.moveaxis(square, 0, 2), dims=("stimulus", "stimulus_2", "instance"))
    for given in (condensed, square, rounded, list(square), named):
        array, n = check_rdms("rdms", given, 2, RDM_AXES)
        assert n == n_stimuli
        np.testing.assert_allclose(array, condensed, rtol=0, atol=1e-7)


@pytest.mark.parametrize("dims", [("instance", "stimulus_pair"), ("instance", "category_pair")])
def test_named_pairs_are_condensed_whatever_their_number(dims):
    square = squareform([1.0, 2.0, 3.0])  # three RDMs of three stimuli, by their names
    array, n_stimuli = check_rdms("rdms", xr.DataArray(square.T, dims=dims[::-1]), 2, RDM_AXES)
    np.testing.assert_array_equal(array, square)
    assert n_stimuli == 3


@pytest.mark.parametrize("n", [4, 10])  # 10 is a number of pairs, 4 is not
def test_squares_that_are_nearly_rdms_are_refused_with_the_condition_that_failed(rng, n):
    points = rng.normal(size=(n, 3))
    given = [
        (np.corrcoef(points), r"a diagonal that is not 0 \(by up to 1\)"),
        (np.triu(cdist(points, points)), "is not symmetric"),
        (cdist(points, points) + 0.01 * rng.random((n, n)), "is not symmetric .* and has a diag"),
        (rng.random((4, 4)), "is not symmetric"),
    ]
    for square, failed in given:
        with pytest.raises(InputError, match=rf"rdms: expected square RDMs .*{failed}"):
            check_rdms("rdms", square, 1, "(..., stimulus_pair)")


@pytest.mark.parametrize(
    "function",
    [
        ersa.consistency,
        ersa.second_level_distances,
        lambda rdms: ersa.consistency_between(rdms, rdms),
        lambda rdms: ersa.bootstrap_consistency(rdms, n_resamples=5).samples,
        lambda rdms: ersa.compare_groups(rdms, rdms**2, n_permutations=5).between,
        lambda rdms: ersa.category_clustering_index(rdms, [0, 0, 1] * 4 + [1]),
        lambda rdms: label_rdms(rdms).exemplar.values,
    ],
)
def test_every_function_reads_fifteen_squares_of_78_rows(rng, function):
    """78 is 13 · 12 / 2, so each square could be taken for 78 RDMs of 13 stimuli."""
    condensed = rng.random((4, 13 * 12 // 2))
    square = np.array([squareform(rdm) for rdm in condensed])
    np.testing.assert_allclose(function(square), function(condensed), rtol=1e-6)
    wide = rng.random((3, 78 * 77 // 2))
    if function is ersa.consistency:
        found = function(np.array([squareform(rdm) for rdm in wide]))
        assert found.shape == (3,)
        np.testing.assert_allclose(found, function(wide))


def test_mds_refuses_what_is_nearly_a_square_rdm_and_takes_rounding(rng):
    correlations = np.corrcoef(rng.normal(size=(10, 30)))
    result = ersa.mds(1 - correlations, n_init=1, max_iter=3)  # diagonal and symmetry to rounding
    assert result.embedding.shape == (10, 2)
    with pytest.raises(InputError, match="rdm: .*diagonal that is not 0"):
        ersa.mds(correlations)
    with pytest.raises(InputError, match="rdm: .*is not symmetric"):
        ersa.mds(np.triu(1 - correlations))


def test_the_rounding_of_correlations_in_float32_is_no_asymmetry():
    rng = np.random.default_rng(0)
    patterns = 1 + 0.1 * rng.normal(size=(3, 10, 200))
    square = np.stack([1 - np.corrcoef(each + 5 * patterns[0, 0]) for each in patterns])
    square = np.float32(1) - np.float32(1 - square)  # multiples of 2**-24
    square[:, 2, 3] += np.float32(2**-24)
    assert ersa.consistency(square).shape == (3,)


def test_each_rdm_is_held_against_its_own_largest_distance():
    square = np.array([[0.0, 1, 2], [1, 0, 3], [2, 3, 0]])
    with pytest.raises(InputError, match=r"is not symmetric \(by up to 0.3\)"):
        ersa.mds(np.stack([1e6 * square, square + 0.3 * np.eye(3, k=1)]))


@pytest.mark.parametrize("spread", [0.001, 0.0])
def test_condensed_rdms_of_which_one_layer_hardly_varies_are_condensed(spread):
    rng = np.random.default_rng(0)
    rdms = np.stack([rng.random((10, 10)), 1 + spread * rng.random((10, 10))])  # five stimuli
    array, n_stimuli = check_rdms("rdms", rdms, 2, "(..., instance, stimulus_pair)")
    assert (array.shape, n_stimuli) == ((2, 10, 10), 5)


def test_a_diagonal_alone_does_not_make_a_stack_of_condensed_rdms():
    rng = np.random.default_rng(0)
    similarities = np.stack([np.corrcoef(rng.normal(size=(10, 50))) for _ in range(3)])
    similarities[:, 0, 1] += 1e-4
    with pytest.raises(InputError, match="has a diagonal that is not 0"):
        ersa.consistency(similarities)

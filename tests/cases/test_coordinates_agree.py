"""DataArrays that name their stimuli or layers: arguments in another order are refused."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ensemble_rsa as ersa
from ensemble_rsa.analysis import bootstrap
from ensemble_rsa.analysis.alignment import align
from ensemble_rsa.analysis.crossed import crossed_variance_components
from ensemble_rsa.analysis.identification import layer_identification
from ensemble_rsa.analysis.robust_correlation import robust_correlation
from ensemble_rsa.errors import InputError
from ensemble_rsa.similarity import cka

RNG = np.random.default_rng(0)
DIMS, PAIRS = ("instance", "stimulus_pair"), list(range(15))
STIMULI, LABELS = list("uvwxyz"), list("aabbcc")
TURNED = [1, 0, 2, 3, 4, 5]


def activations(order=slice(None), dims=("instance", "stimulus", "unit")):
    coords = {"stimulus": STIMULI, "instance": [3, 4, 5]}
    given = xr.DataArray(RNG.random((3, 6, 8)), coords, ("instance", "stimulus", "unit"))
    return given.isel(stimulus=order).transpose(*dims)


def rdms(layers):
    dims = ("layer", "instance", "stimulus_pair")
    coords = {"layer": list(layers), "instance": [0, 1, 2]}
    return xr.DataArray(RNG.random((2, 3, 15)), coords, dims)


def labels(order=slice(None)):
    return xr.DataArray(LABELS, {"stimulus": STIMULI}, ("stimulus",)).isel(stimulus=order)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: ersa.compare_groups(rdms(["V1", "IT"]), rdms(["IT", "V1"])), "others"),
        (lambda: ersa.consistency_between(rdms(["V1", "IT"]), rdms(["IT", "V1"])), "others"),
        (lambda: ersa.centroids(activations(), labels([5, 4, 3, 2, 1, 0])), "labels"),
        (lambda: ersa.random_category_consistency(activations(TURNED), labels()), "labels"),
        (lambda: ersa.extract({"V1": activations()}, labels([5, 4, 3, 2, 1, 0])), "labels"),
        (lambda: cka.linear_cka(activations(), activations(TURNED)), "others"),
        (lambda: ersa.compute_rdm([activations()[0], activations(TURNED)[1]]), r"activations\[1\]"),
        (
            lambda: bootstrap.bootstrap_centroid_consistency(activations(), labels(TURNED)),
            "labels",
        ),
    ],
)  # fmt: skip
def test_another_order_is_refused_with_the_first_difference(call, argument):
    with pytest.raises(InputError, match=rf"{argument}: expected the coordinate .* at position 0"):
        call()


def reorder(given, order, **coords):
    """A DataArray of one dimension and the same in another order."""
    whole = given.assign_coords(**coords)
    return whole, whole.isel({given.dims[0]: order})


@pytest.mark.parametrize(
    "call",
    [
        lambda: cka.linear_cka([activations()[0], activations(TURNED)[1]]),
        lambda: layer_identification(
            {k: [activations()[0], activations(TURNED)[1]] for k in "ab"}, "linear_cka"
        ),
        lambda: layer_identification({"a": activations(), "b": activations(TURNED)}, "linear_cka"),
        lambda: ersa.consistency_between([rdms(["V1", "IT"])], [rdms(["IT", "V1"])]),
        lambda: robust_correlation(
            *reorder(rdms(["a", "b"])[0, 0], PAIRS[::-1], stimulus_pair=PAIRS)
        ),
        lambda: align(*reorder(activations()[0], TURNED)),
        lambda: ersa.compare_groups(*instances_turned(), paired=True),
        lambda: crossed_variance_components(
            rdms(["a", "b"])[0].isel(instance=[2, 1, 0]),
            {"weights": seeds_of_instances(), "order": [0, 1, 0]},
        ),
    ],
)
def test_lists_series_embeddings_and_paired_instances_in_another_order_are_refused(call):
    with pytest.raises(InputError, match="expected the coordinate .* in the same order, got"):
        call()


def seeds_of_instances():
    return xr.DataArray([0, 0, 1], {"instance": [0, 1, 2]}, ("instance",))


def instances_turned():
    given = rdms(["a", "b"])
    return given, given.isel(instance=[2, 1, 0])


def test_groups_that_are_not_paired_may_hold_the_same_names_in_another_order():
    given, turned = instances_turned()
    result = ersa.compare_groups(given, turned, n_permutations=5)
    expected = ersa.compare_groups(given.values, turned.values, n_permutations=5)
    np.testing.assert_array_equal(result.between, expected.between)


def test_leading_dimensions_are_paired_in_one_order():
    both = xr.DataArray(RNG.random((2, 2, 3, 15)), dims=("layer", "epoch", *DIMS))
    with pytest.raises(InputError, match="others: expected the dimensions layer, epoch of rdms"):
        ersa.consistency_between(both, both.transpose("epoch", "layer", *DIMS))
    with pytest.raises(InputError, match="others: expected the dimensions layer .* got epoch"):
        ersa.consistency_between(both[:, 0], both[0])
    one = both[:1, 0]  # a single layer goes with every epoch
    assert ersa.consistency_between(one, both[0]).shape == (2, 3, 3)
    own = ersa.consistency_between(both, both)
    np.testing.assert_allclose(np.diagonal(own, axis1=-2, axis2=-1), 1)
    # an epoch of each layer with all layers of it
    np.testing.assert_allclose(ersa.consistency_between(both, both[0])[0], own[0])


def test_the_same_order_and_other_instances_and_dimensions_agree():
    expected = ersa.centroids(activations().values * 0 + 1, LABELS)
    given = activations(dims=("unit", "instance", "stimulus")) * 0 + 1
    np.testing.assert_array_equal(ersa.centroids(given, labels()), expected)
    np.testing.assert_array_equal(ersa.centroids(given, pd.Series(LABELS)), expected)
    first, second = rdms(["V1", "IT"]), rdms(["V1", "IT"]).assign_coords(instance=[7, 8, 9])
    result = ersa.consistency_between(first, second)
    np.testing.assert_allclose(result, ersa.consistency_between(first.values, second.values))

"""DataArrays that name their stimuli or layers: arguments in another order are refused."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ensemble_rsa as ersa
from ensemble_rsa.analysis import bootstrap
from ensemble_rsa.errors import InputError
from ensemble_rsa.similarity import cka

RNG = np.random.default_rng(0)
STIMULI, LABELS = list("uvwxyz"), list("aabbcc")
TURNED = [1, 0, 2, 3, 4, 5]


def activations(order=slice(None), dims=("instance", "stimulus", "unit")):
    coords = {"stimulus": STIMULI, "instance": [3, 4, 5]}
    given = xr.DataArray(RNG.random((3, 6, 8)), coords, ("instance", "stimulus", "unit"))
    return given.isel(stimulus=order).transpose(*dims)


def rdms(layers):
    dims = ("layer", "instance", "stimulus_pair")
    return xr.DataArray(RNG.random((2, 3, 15)), {"layer": layers, "instance": [0, 1, 2]}, dims)


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


def test_the_same_order_and_other_instances_and_dimensions_agree():
    expected = ersa.centroids(activations().values * 0 + 1, LABELS)
    given = activations(dims=("unit", "instance", "stimulus")) * 0 + 1
    np.testing.assert_array_equal(ersa.centroids(given, labels()), expected)
    np.testing.assert_array_equal(ersa.centroids(given, pd.Series(LABELS)), expected)
    first, second = rdms(["V1", "IT"]), rdms(["V1", "IT"]).assign_coords(instance=[7, 8, 9])
    result = ersa.consistency_between(first, second)
    np.testing.assert_allclose(result, ersa.consistency_between(first.values, second.values))

"""Layers that are found in another instance, by loops over all comparisons."""

from functools import partial

import numpy as np
import pytest
import xarray as xr
from scipy.stats import t

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError
from ensemble_rsa.similarity.cka import linear_cka
from ensemble_rsa.similarity.procrustes import procrustes_distance

LAYERS, INSTANCES = 3, 4


@pytest.fixture
def rdms(rng):
    common = rng.random((LAYERS, 1, 45))
    common[1] = common[0] + 0.3 * common[1]  # the first two layers are alike
    return common + 1.2 * rng.random((LAYERS, INSTANCES, 45))


@pytest.fixture
def activations(rng):
    shared = rng.normal(size=(LAYERS, 1, 12, 5))
    shared[1] = shared[0] + 0.5 * shared[1]
    return shared + 0.8 * rng.normal(size=(LAYERS, INSTANCES, 12, 5))


def by_loops(items, similarity):
    """Confusion matrix, and for each layer how often it is found, `(layer, instance, instance)`."""
    confusion, right = np.zeros((LAYERS, LAYERS)), np.zeros((LAYERS, INSTANCES, INSTANCES))
    for i in range(INSTANCES):
        for j in range(INSTANCES):
            if i == j:
                continue
            for layer in range(LAYERS):
                values = [similarity(items[layer][i], items[m][j]) for m in range(LAYERS)]
                confusion[layer, np.argmax(values)] += 1 / (INSTANCES * (INSTANCES - 1))
                right[layer, i, j] = np.argmax(values) == layer
    return confusion, right


def test_rdms_are_found_as_by_loops_with_intervals_over_instances(rdms):
    confusion, right = by_loops(rdms, lambda a, b: np.corrcoef(a, b)[0, 1])
    found = ersa.layer_identification(dict(zip("abc", rdms, strict=True)))
    assert 0 < confusion[0, 1] < 1
    assert found.layers == ("a", "b", "c")
    np.testing.assert_allclose(found.confusion, confusion)
    np.testing.assert_allclose(found.accuracy, np.diag(confusion))
    assert found.chance == pytest.approx(1 / 3)
    # The t interval of pseudo-values, centred at the mean over all pairs.
    both = right.mean(0)
    without = np.array([np.delete(np.delete(both, i, 0), i, 1).sum() / 6 for i in range(INSTANCES)])
    error = np.sqrt(3 / 4 * ((without - without.mean()) ** 2).sum())
    reach = t.ppf(0.975, 3) * error
    assert found.mean == pytest.approx(both.sum() / 12)
    assert found.mean_low == pytest.approx(max(found.mean - reach, 0))
    assert found.mean_high == pytest.approx(min(found.mean + reach, 1))
    named = xr.DataArray(rdms, {"layer": ["a", "b", "c"]}, ("layer", "instance", "stimulus_pair"))
    again = ersa.layer_identification(named)
    assert again.layers == found.layers
    np.testing.assert_array_equal(again.confusion, found.confusion)
    np.testing.assert_array_equal(ersa.layer_identification(rdms).accuracy, found.accuracy)


SIMILARITIES = {
    "linear_cka": lambda a, b: linear_cka([a, b])[0],
    "procrustes": lambda a, b: -procrustes_distance([a, b])[0],
}


@pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")
@pytest.mark.parametrize("measure", SIMILARITIES)
def test_activations_are_found_as_by_loops(measure, activations):
    confusion, _ = by_loops(activations, SIMILARITIES[measure])
    found = ersa.layer_identification(activations, measure)
    np.testing.assert_allclose(found.confusion, confusion)
    # lists, whose instances may differ in width
    wider = [[np.hstack([x, 0 * x[:, :k]]) for k, x in enumerate(each)] for each in activations]
    np.testing.assert_allclose(ersa.layer_identification(wider, measure).confusion, confusion)


def test_other_measures_find_rotated_layers(rng):
    shared = rng.normal(size=(2, 40, 3))
    turned = [[x @ np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(3)] for x in shared]
    named = {"conv1": turned[0], "conv2": turned[1]}
    for measure in ("cca", "svcca", "pwcca", partial(linear_cka, unbiased=False)):
        found = ersa.layer_identification(named, measure)
        np.testing.assert_array_equal(found.confusion, np.eye(2))
        assert (found.low == 1).all()


def test_layers_that_are_equally_similar_share_a_match(rdms):
    found = ersa.layer_identification([rdms[0], rdms[2], rdms[0]], "spearman")
    np.testing.assert_allclose(found.confusion, [[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])
    two = ersa.layer_identification(rdms[:, :2])
    assert np.isnan(two.low).all()
    assert np.isnan(two.mean_high)


def test_unrelated_layers_are_found_by_chance(rng):
    found = ersa.layer_identification(rng.random((5, 30, 45)))
    assert found.mean == pytest.approx(0.2, abs=0.03)
    assert found.mean_low < 0.2 < found.mean_high


REFUSED = {
    "expected two layers or more, got 1": lambda r: {"a": r[0]},
    r"representations\['b'\]: expected the instances": lambda r: {"a": r[0], "b": r[0, :2]},
    r"representations\[0\]: expected shape \(instance, stimulus_pair\) with two": lambda r: r[
        :, :1
    ],
    r"representations\['b'\]: .* constant": lambda r: {"a": r[0], "b": np.ones((4, 45))},
    r"representations\[0\]: expected finite": lambda r: r * np.nan,
    "array \\(layer, instance": lambda r: r[0],
    "representations: expected layers, got str": lambda r: "rdms.h5",
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message, rdms):
    with pytest.raises(InputError, match=message):
        ersa.layer_identification(REFUSED[message](rdms))


def test_other_measures_and_activations_are_refused(rdms, activations):
    with pytest.raises(InputError, match="measure: unknown 'dcor'; choose from .*linear_cka"):
        ersa.layer_identification(rdms, "dcor")
    with pytest.raises(InputError, match=r"representations\[0\]: expected shape \(instance, stim"):
        ersa.layer_identification(rdms, "linear_cka")
    broken = [list(each) for each in activations]
    broken[1][2] = broken[1][2] * np.inf
    with pytest.raises(InputError, match=r"representations\[1\]\[2\]: expected finite"):
        ersa.layer_identification(broken, "linear_cka")
    with pytest.raises(InputError, match=r"same stimuli, got \[12, 11\] stimuli"):
        ersa.layer_identification([[each[0], each[1][1:]] for each in activations], "linear_cka")

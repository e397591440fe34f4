"""RDMs of given activations, against SciPy in float64."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist

from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.extraction.collect import collect_rdms
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.rdm.build import cocktail_blank
from ensemble_rsa.runs.set_aside import set_aside

LABELS = list("bacbacbac")  # three stimuli each, not sorted


@pytest.fixture
def activations(rng) -> dict[str, np.ndarray]:
    return {
        "early": rng.normal(size=(3, 9, 40)).astype(np.float32),
        "late": rng.normal(size=(3, 9, 12)).astype(np.float32),
    }


def by_hand(patterns: np.ndarray, metric: str = "correlation") -> np.ndarray:
    return pdist(patterns.astype(np.float64), metric)


@pytest.mark.parametrize("distance", ["correlation", "cosine", "euclidean"])
def test_exemplar_rdms_are_those_of_pdist(distance, activations):
    before = {name: values.copy() for name, values in activations.items()}
    rdms = extract(activations, LABELS, AnalysisConfig.of(distance=distance))
    assert rdms.exemplar.dims == ("layer", "instance", "stimulus_pair")
    assert rdms.layer.values.tolist() == ["early", "late"]
    assert rdms.attrs["distance"] == distance
    for name, values in activations.items():
        for i in range(3):
            found = rdms.exemplar.sel(layer=name, instance=i)
            np.testing.assert_allclose(found, by_hand(values[i], distance), atol=1e-5)
        np.testing.assert_array_equal(values, before[name])


@pytest.mark.parametrize("blank", [False, True])
def test_centroid_rdms_are_made_of_averaged_patterns(blank, activations):
    rdms = extract(activations, LABELS, AnalysisConfig.of(cocktail_blank=blank))
    for name, values in activations.items():
        for i in range(3):
            patterns = values[i].astype(np.float64) - blank * values[i].mean(0)
            means = [patterns[np.array(LABELS) == category].mean(0) for category in "abc"]
            np.testing.assert_allclose(
                rdms.centroid.sel(layer=name, instance=i), by_hand(np.array(means)), atol=1e-5
            )


def test_categories_that_are_numbers_sort_as_numbers(activations):
    rdms = extract(activations, [10, 2, 1] * 3)
    pairs = zip(rdms.category_first.values, rdms.category_second.values, strict=True)
    assert list(pairs) == [(1, 2), (1, 10), (2, 10)]
    assert rdms.category.values.tolist() == [10, 2, 1] * 3
    means = [activations["early"][0][start::3].astype(float).mean(0) for start in (2, 1, 0)]
    np.testing.assert_allclose(rdms.centroid[0, 0], by_hand(np.array(means)), atol=1e-5)


def test_without_labels_there_are_no_centroids_and_ids_are_numbers(activations):
    rdms = extract(activations)
    assert "centroid" not in rdms
    assert set(rdms.category.values) == {""}
    assert rdms.stimulus.values.tolist() == [str(i) for i in range(9)]
    assert rdms.instance.values.tolist() == rdms.seed.values.tolist() == [0, 1, 2]
    assert set_aside(rdms, "excluded") == []


def named(values: np.ndarray, **changes) -> xr.DataArray:
    coords = {
        "stimulus": [f"image {i}" for i in range(9)],
        "category": ("stimulus", LABELS),
        "instance": ["ann", "bob", "eve"],
        "seed": ("instance", [7, 8, 9]),
    }
    return xr.DataArray(values, coords | changes, ("instance", "stimulus", "unit"))


def test_what_data_arrays_say_is_kept_and_dimensions_are_read_by_name(activations):
    early, late = (named(values) for values in activations.values())
    rdms = extract({"early": early.transpose("unit", "stimulus", "instance"), "late": late})
    expected = extract(activations, LABELS)
    np.testing.assert_array_equal(rdms.exemplar, expected.exemplar)
    np.testing.assert_array_equal(rdms.centroid, expected.centroid)
    for name in ("stimulus", "category", "instance", "seed"):
        assert rdms[name].values.tolist() == late[name].values.tolist()
    mixed = extract({"early": activations["early"], "late": late}, list("xxxxyyyyz"))
    assert mixed.instance.values.tolist() == ["ann", "bob", "eve"]
    assert mixed.category.values.tolist() == list("xxxxyyyyz")  # labels take precedence


@pytest.mark.parametrize("name", ["stimulus", "category", "instance", "seed"])
def test_layers_that_disagree_on_their_coordinates_are_refused(name, activations):
    early, late = (named(values) for values in activations.values())
    turned = late.assign_coords({name: (late[name].dims, late[name].values[::-1])})
    with pytest.raises(InputError, match=f"source\\['late'\\]: .*coordinate '{name}'"):
        extract({"early": early, "late": turned})


def test_chosen_layers_come_in_the_sources_order_and_progress_counts_every_rdm(activations):
    assert extract(activations, layers=["late"]).layer.values.tolist() == ["late"]
    both = extract(activations, layers=["late", "early"])
    seen = []
    every = extract(activations, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(both.exemplar, every.exemplar)
    assert seen == [(done, 6) for done in range(1, 7)]


def test_constant_patterns_are_counted(activations):
    activations["late"][1, [2, 5]] = 0.0
    rdms = extract(activations, LABELS)
    assert rdms.constant_patterns.values.tolist() == [[0, 0, 0], [0, 2, 0]]


def test_a_single_instance_has_rdms(activations):
    rdms = extract({name: values[:1] for name, values in activations.items()}, LABELS)
    np.testing.assert_allclose(rdms.exemplar[0, 0], by_hand(activations["early"][0]), atol=1e-5)


def test_instances_that_cannot_be_compared_are_left_out_until_none_remains(activations):
    one = {name: values[:1] for name, values in activations.items()}
    assert extract(one).sizes["instance"] == 1
    activations["late"][[0, 2]] = 3.0
    rdms = extract(activations)
    assert rdms.instance.values.tolist() == [1]
    assert rdms.excluded_instance.values.tolist() == [0, 2]
    activations["late"][1] = 3.0
    with pytest.raises(RunError, match=r"no instance .*\(instance 0: .*late.*; instance 1: .*late"):
        extract(activations)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_nan_in_given_activations_is_refused(kind, activations):
    activations["late"][2, 3, 4] = np.nan
    with pytest.raises(InputError, match="expected finite numbers, got 1 NaN or inf"):
        extract({name: kind(values) for name, values in activations.items()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.clear(), "source: expected a run, or a mapping"),
        (lambda a: a.update(late=a["late"][0]), "source['late']: expected shape (instance, stim"),
        (lambda a: a.update(late=a["late"][:2]), "source['late']: expected 3 instances and 9 stim"),
        (lambda a: a.update(late=a["late"][:, :5]), "got 3 and 5"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(change, message, activations):
    change(activations)
    with pytest.raises(InputError, match=re.escape(message)):
        extract(activations)


def test_wrong_labels_and_layers_are_refused(activations):
    with pytest.raises(InputError, match=r"labels: expected one label for each of 9 stimuli"):
        extract(activations, LABELS[:-1])
    with pytest.raises(InputError, match="layers: unknown 'middle'; choose from early, late"):
        extract(activations, layers=["early", "middle"])


def test_a_network_with_broken_weights_is_left_out_and_named(rng):
    values = rng.normal(size=(3, 6, 8))
    values[1, 2, 3] = np.nan
    source = ActivationSource(
        layers=("conv1",),
        instances=(0, 1, 2),
        seeds=(10, 11, 12),
        stimuli=tuple("uvwxyz"),
        categories=("",) * 6,
        activations=lambda position: [("conv1", jnp.asarray(values[position], jnp.float32))],
        variables={"test_accuracy": np.array([0.1, 0.2, 0.3])},
        attributes={"model": "by hand"},
    )
    rdms = collect_rdms(source, ["conv1"], "correlation", None)
    assert set_aside(rdms, "excluded") == [
        {"instance": 1, "seed": 11, "reason": "activations of conv1 are not finite"}
    ]
    assert rdms.instance.values.tolist() == [0, 2]
    assert rdms.seed.values.tolist() == [10, 12]
    assert rdms.test_accuracy.values.tolist() == [0.1, 0.3]
    assert rdms.attrs["model"] == "by hand"
    np.testing.assert_allclose(rdms.exemplar[0, 1], by_hand(values[2]), atol=1e-5)


@pytest.mark.parametrize(
    "what", ["distances", "same-category distances", "distances between category centroids"]
)
def test_an_instance_whose_rdm_is_constant_in_part_is_left_out_and_named(what, rng):
    labels = list("aaabbbccc")
    activations = rng.normal(size=(3, 9, 20))
    if what == "distances":
        activations[1] = 3.0
    elif what.startswith("same"):  # patterns of a category alike: distances within it are all 0
        activations[1] = np.repeat(activations[1, ::3], 3, axis=0)
    else:  # centroids at the corners of a triangle with equal sides
        corners = np.repeat(np.eye(3), 3, axis=0)
        spread = np.tile([[2.0, 0, 0], [0, 1, 0], [-2, -1, 0]], (3, 1))  # sums to 0 per category
        activations[1] = np.concatenate([corners, spread, np.zeros((9, 14))], axis=1)
    rdms = extract({"V1": activations}, labels)
    assert rdms.instance.values.tolist() == [0, 2]
    (excluded,) = set_aside(rdms, "excluded")
    assert (excluded["instance"], excluded["seed"]) == (1, 1)
    assert f"all {what} of layer V1 are equal" in excluded["reason"]
    np.testing.assert_allclose(rdms.exemplar[0, 1], by_hand(activations[2]), atol=1e-5)


def test_blank_normalised_rdms_are_those_of_patterns_without_their_mean(activations):
    rdms = extract(activations, LABELS, AnalysisConfig.of(cocktail_blank=True))
    plain = extract(activations, LABELS)
    assert (rdms.attrs["cocktail_blank"], plain.attrs["cocktail_blank"]) == (1, 0)
    for name, values in activations.items():
        for i in range(3):
            blanked = values[i] - values[i].mean(0)
            np.testing.assert_allclose(cocktail_blank(values[i]), blanked, atol=1e-6)
            found = rdms.exemplar.sel(layer=name, instance=i)
            np.testing.assert_allclose(found, by_hand(blanked), atol=1e-5)
            assert np.abs(found - plain.exemplar.sel(layer=name, instance=i)).max() > 0.01


def test_a_coordinate_along_another_dimension_is_refused(rng):
    seeds = ("stimulus", np.arange(6))
    layer = xr.DataArray(
        rng.normal(size=(3, 6, 8)), dims=("instance", "stimulus", "unit"), coords={"seed": seeds}
    )
    with pytest.raises(InputError, match="'seed' along the instance dimension .*got 6 along stim"):
        extract({"V1": layer})

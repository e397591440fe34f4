"""Reordering, selection and refusals by stimulus id, against rsatoolbox and SciPy."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import label_rdms, rdm_rows, reorder_stimuli, select_stimuli
from ensemble_rsa.interop.rsatoolbox import from_rsatoolbox, to_rsatoolbox

IDS = ["d", "a", "c", "b", "e"]
CATEGORIES = ["dog", "ant", "cat", "bee", "elk"]


def labelled(rng, ids=IDS, **more):
    patterns = {"stimulus": ids, "category": CATEGORIES, **more}
    layers = {"layer": list("xyz")}
    return label_rdms(rng.random((3, 10), np.float32), "cosine", layers, patterns, {"session": 3})


def as_rsatoolbox(rdms):
    pytest.importorskip("rsatoolbox")
    return to_rsatoolbox(rdms)


def assert_same(ours, theirs):
    np.testing.assert_array_equal(ours.exemplar, theirs.dissimilarities)
    for name in ("stimulus", "category"):
        assert ours[name].values.tolist() == list(theirs.pattern_descriptors[name])
    assert ours.layer.values.tolist() == list(theirs.rdm_descriptors["layer"])
    assert ours.attrs == {"distance": theirs.dissimilarity_measure, **theirs.descriptors}


def test_reordering_agrees_with_rsatoolbox_and_with_reordered_patterns(rng):
    rdms = labelled(rng)
    before = rdms.exemplar.values.copy()
    result = reorder_stimuli(rdms, sorted(IDS))
    theirs = as_rsatoolbox(rdms)
    theirs.reorder(np.argsort(IDS))
    assert_same(result, theirs)
    np.testing.assert_array_equal(rdms.exemplar, before)

    patterns = rng.normal(size=(5, 4))
    measured = label_rdms(squareform(pdist(patterns)), pattern_descriptors={"id": IDS})
    expected = pdist(patterns[np.argsort(IDS)])
    np.testing.assert_array_equal(
        reorder_stimuli(measured, sorted(IDS), "id").exemplar[0], expected
    )


def test_a_subset_agrees_with_rsatoolbox(rng):
    rdms = labelled(rng)
    theirs = as_rsatoolbox(rdms).subset_pattern("stimulus", ["d", "c", "e"])
    assert_same(select_stimuli(rdms, ["d", "c", "e"]), theirs)
    theirs.reorder([2, 0, 1])
    assert_same(select_stimuli(rdms, np.array(["e", "d", "c"])), theirs)


def test_a_subset_drops_centroids_and_counts_of_all_stimuli(rng):
    rdms = labelled(rng).assign(
        centroid=(("rdm", "category_pair"), np.ones((3, 1))), constant_patterns=("rdm", [0, 1, 2])
    )
    assert set(select_stimuli(rdms, ["a", "b"]).data_vars) == {"exemplar"}
    assert set(reorder_stimuli(rdms, sorted(IDS)).data_vars) == set(rdms.data_vars)


def test_one_rdm_of_each_layer_and_instance_forms_a_grid(rng):
    rows = rng.random((4, 3))
    descriptors = {
        "instance": [1, 0, 0, 1],
        "layer": ["b", "b", "a", "a"],
        "seed": [5, 4, 4, 5],
        "depth": [2, 2, 1, 1],
        "noise": [1.0, 2.0, 3.0, 4.0],
    }
    grid = label_rdms(rows, "cosine", descriptors)
    assert grid.exemplar.dims == ("layer", "instance", "stimulus_pair")
    np.testing.assert_array_equal(grid.exemplar, rows[[[0, 1], [3, 2]]])
    assert (grid.layer.values.tolist(), grid.instance.values.tolist()) == (["b", "a"], [1, 0])
    assert grid.seed.to_dict()["dims"] == ("instance",)
    assert grid.seed.values.tolist() == [5, 4]
    assert grid.depth.sel(layer="b") == 2
    assert grid.noise.values.tolist() == [[1, 2], [4, 3]]
    np.testing.assert_array_equal(rdm_rows(grid).rdms, rows[[0, 1, 3, 2]])
    assert rdm_rows(grid).rdm_descriptors["seed"].tolist() == [5, 4, 5, 4]
    one_missing = {name: values[:3] for name, values in descriptors.items()}
    assert label_rdms(rows[:3], "cosine", one_missing).exemplar.dims == ("rdm", "stimulus_pair")


def test_descriptors_of_the_same_name_are_told_apart():
    rdms = label_rdms([0.5], "cosine", {"session": [7]}, {"session": ["a", "b"], "index": [0, 1]})
    assert rdms.rdm_session.values.tolist() == [7]
    assert rdms.session.values.tolist() == ["a", "b"]
    assert "index" not in rdms.coords


def test_round_trip_with_given_stimuli(rng):
    rdms = labelled(rng, code=np.arange(5) * 10)
    theirs = as_rsatoolbox(rdms)
    assert_same(from_rsatoolbox(theirs, IDS), theirs)
    by_number = from_rsatoolbox(theirs, [0, 10, 20, 30, 40], descriptor="code")
    np.testing.assert_array_equal(by_number.exemplar, rdms.exemplar)


@pytest.mark.parametrize(
    ("stimuli", "message"),
    [
        ("dacbe"[::-1], r"another order, first at position 0: expected 'e', got 'd'; .*reorder_st"),
        ("dabce", r"another order, first at position 2: expected 'b', got 'c'"),
        ("dacbz", r"same 5 stimuli, got 5, of which 1 missing \(first 'z'\) and 1 not expected \("),
        ("dacb", r"same 4 stimuli, got 5, of which 1 not expected \(first 'e'\)"),
        ("dacbefg", r"same 7 stimuli, got 5, of which 2 missing \(first 'f'\); select_stimuli"),
        ("dacbb", r"stimuli: 1 ids are not unique, the first is 'b'"),
    ],
)
def test_other_stimuli_are_refused_and_nothing_is_permuted(rng, stimuli, message):
    with pytest.raises(InputError, match=message):
        from_rsatoolbox(as_rsatoolbox(labelled(rng)), list(stimuli))


@pytest.mark.parametrize(
    ("ids", "descriptor", "message"),
    [
        (IDS, "image", r"pattern descriptor 'image', which is missing; there are: stimulus, cat"),
        (["a", "b", "", "c", ""], "stimulus", r"'stimulus': stimulus 2 has an empty id"),
        ([1, np.nan, 2, 3, 4], "stimulus", r"'stimulus': expected a label for .* got 1 missing"),
        (["a", "b", "a", "c", "d"], "stimulus", r"'stimulus': 1 ids are not unique, .* 'a'"),
    ],
)
def test_ids_that_identify_nothing_are_refused(rng, ids, descriptor, message):
    rdms = labelled(rng, ids)
    for function in (reorder_stimuli, select_stimuli):
        with pytest.raises(InputError, match=message):
            function(rdms, sorted(IDS), descriptor)


def test_what_cannot_be_selected_is_named(rng):
    with pytest.raises(InputError, match=r"stimuli: 2 of 3 are not among .* the first is 'y'"):
        select_stimuli(labelled(rng), ["a", "y", "z"])
    with pytest.raises(InputError, match=r"stimuli: expected two or more, got 1"):
        select_stimuli(labelled(rng), ["a"])
    with pytest.raises(InputError, match=r"rdms: expected the same 2 stimuli"):
        reorder_stimuli(labelled(rng), ["a", "b"])


@pytest.mark.parametrize(
    ("rdms", "rdm_descriptors", "pattern_descriptors", "message"),
    [
        (np.ones((2, 4)), {"a": [0, 1]}, {"b": "xyz"}, "rdms: .* got 4, which fits no n"),
        (np.full((1, 3), np.nan), {"a": [0]}, {"b": list("xyz")}, "rdms: expected finite"),
        (np.ones((2, 3)), {"a": [0]}, {"b": list("xyz")}, r"rdm_descriptors\['a'\]: expected 2"),
        (np.ones((2, 3)), {"a": [0, 1]}, {"b": [1]}, r"pattern_descriptors\['b'\]: expected 3"),
        (np.ones((1, 3)), {"a": [None]}, {"b": [1, 2, 3]}, r"'a'\]: expected a value for each"),
        (
            np.ones((1, 3)),
            {"a": [0]},
            {"b": np.ones((3, 2))},
            r"expected one value each",
        ),
    ],
)
def test_descriptors_that_do_not_fit_are_refused(
    rdms, rdm_descriptors, pattern_descriptors, message
):
    with pytest.raises(InputError, match=message):
        label_rdms(rdms, "correlation", rdm_descriptors, pattern_descriptors)

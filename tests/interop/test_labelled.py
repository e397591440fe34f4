import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import LabelledRdms, reorder_stimuli, select_stimuli
from ensemble_rsa.interop.rsatoolbox import from_rsatoolbox, to_rsatoolbox

IDS = ["d", "a", "c", "b", "e"]
CATEGORIES = ["dog", "ant", "cat", "bee", "elk"]


def labelled(rng, ids=IDS, **more):
    rdms = rng.random((3, 10), np.float32)
    patterns = {"stimulus": np.array(ids), "category": np.array(CATEGORIES), **more}
    return LabelledRdms(rdms, "cosine", {"layer": np.array(list("xyz"))}, patterns, {"session": 3})


def as_rsatoolbox(rdms):
    pytest.importorskip("rsatoolbox")
    return to_rsatoolbox(
        rdms.rdms, rdms.distance, rdms.rdm_descriptors, rdms.pattern_descriptors, rdms.descriptors
    )


def assert_same(ours, theirs):
    np.testing.assert_array_equal(ours.rdms, theirs.dissimilarities)
    for name in ("stimulus", "category"):
        assert ours.pattern_descriptors[name].tolist() == list(theirs.pattern_descriptors[name])
    assert ours.rdm_descriptors["layer"].tolist() == list(theirs.rdm_descriptors["layer"])
    assert (ours.distance, ours.descriptors) == (theirs.dissimilarity_measure, theirs.descriptors)


def test_reordering_is_that_of_rsatoolbox_and_of_the_patterns_themselves(rng):
    rdms = labelled(rng)
    before = rdms.rdms.copy()
    result = reorder_stimuli(rdms, sorted(IDS))
    theirs = as_rsatoolbox(rdms)
    theirs.reorder(np.argsort(IDS))
    assert_same(result, theirs)
    np.testing.assert_array_equal(rdms.rdms, before)

    patterns = rng.normal(size=(5, 4))
    measured = LabelledRdms(pdist(patterns)[None], "euclidean", {}, {"id": np.array(IDS)})
    expected = pdist(patterns[np.argsort(IDS)])
    np.testing.assert_array_equal(reorder_stimuli(measured, sorted(IDS), "id").rdms[0], expected)


def test_a_subset_is_that_of_rsatoolbox(rng):
    rdms = labelled(rng)
    theirs = as_rsatoolbox(rdms).subset_pattern("stimulus", ["d", "c", "e"])
    assert_same(select_stimuli(rdms, ["d", "c", "e"]), theirs)
    theirs.reorder([2, 0, 1])
    assert_same(select_stimuli(rdms, np.array(["e", "d", "c"])), theirs)


def test_there_and_back_with_stimuli_given(rng):
    rdms = labelled(rng, code=np.arange(5) * 10)
    theirs = as_rsatoolbox(rdms)
    assert_same(from_rsatoolbox(theirs, IDS), theirs)
    by_number = from_rsatoolbox(theirs, [0, 10, 20, 30, 40], descriptor="code")
    np.testing.assert_array_equal(by_number.rdms, rdms.rdms)


@pytest.mark.parametrize(
    ("stimuli", "message"),
    [
        ("dacbe"[::-1], r"another order, first at position 0: expected 'e', got 'd'; .*reorder_st"),
        ("dabce", r"another order, first at position 2: expected 'b', got 'c'"),
        (
            "dacbz",
            r"same 5 stimuli, got 5, of which 1 missing \(first 'z'\) and 1 not expected \(f",
        ),
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
        (["a", "b", "", "c", ""], "stimulus", r"'stimulus': 2 stimuli have no id, the first at 2"),
        ([1, np.nan, 2, 3, 4], "stimulus", r"'stimulus': 1 stimuli have no id, the first at 1"),
        (["a", "b", "a", "c", "d"], "stimulus", r"'stimulus': 1 ids are not unique, .* 'a'"),
        (list("abcd"), "stimulus", r"rdms: expected an id for each of 5 stimuli, got 4"),
        (np.ones((5, 2)), "stimulus", r"expected one id per stimulus, got shape \(5, 2\)"),
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

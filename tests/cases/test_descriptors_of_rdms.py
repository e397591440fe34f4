"""Descriptors of RDMs under any name and with any values: kept apart, or refused by name."""

import numpy as np
import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import label_rdms, rdm_rows
from ensemble_rsa.interop.rsatoolbox import from_rsatoolbox, load_rdms, save_rdms, to_rsatoolbox

RDMS = np.arange(12.0).reshape(4, 3)
GRID = {"layer": ["V1", "V1", "IT", "IT"], "instance": [0, 1, 0, 1]}
RESERVED = ["exemplar", "rdm", "stimulus_pair", "layer", "instance", "stimulus", "centroid"]


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("others", [{}, GRID])
def test_names_that_the_data_set_itself_has_are_kept_apart(name, others, tmp_path):
    of_rdms, of_stimuli = [5, 6, 7, 8], ["x", "y", "z"]
    rdms = label_rdms(RDMS, "cosine", {name: of_rdms} | others, {name: of_stimuli})
    rows = rdm_rows(rdms)
    np.testing.assert_array_equal(rows.rdms, RDMS)
    names = {name, f"rdm_{name}", f"stimulus_{name}"}
    (kept,) = names & rows.pattern_descriptors.keys()
    assert rows.pattern_descriptors[kept].tolist() == of_stimuli
    if name not in others:
        (kept,) = names & rows.rdm_descriptors.keys()
        assert rows.rdm_descriptors[kept].tolist() == of_rdms
    save_rdms(tmp_path / "rdms.h5", rdms)
    again = rdm_rows(load_rdms(tmp_path / "rdms.h5"))
    np.testing.assert_array_equal(again.rdms, RDMS)
    assert sorted(again.pattern_descriptors) == sorted(rows.pattern_descriptors)


def test_two_descriptors_never_share_a_name():
    both = {"session": [1, 2, 3, 4], "rdm_session": [5, 6, 7, 8]}
    with pytest.raises(InputError, match=r"rdm_descriptors\['rdm_session'\]: .* another has"):
        label_rdms(RDMS, "cosine", both, {"session": list("xyz")})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", None, "b", None], r"got 2 missing, at position\(s\) 1, 3"),
        ([1, None, 2, 3], r"got 1 missing, at position\(s\) 1"),
        (np.ma.masked_equal([1, 2, 3, 4], 2), r"got 1 missing, at position\(s\) 1"),
        (["a", 1, "b", "c"], "of one kind, got int, str"),
        ([True, 2, 3, 4], "of one kind, got bool, int"),
        ([[1, 2]] * 4, "one value each, got nested"),
        (np.array(["2020", "2021", "2022", "2023"], "M8[D]"), "expected numbers or text, got date"),
        ("abcd", "a sequence of labels, got str"),
    ],
)
@pytest.mark.parametrize("through_rsatoolbox", [False, True])
def test_values_that_are_no_column_are_refused_by_name(values, message, through_rsatoolbox):
    if through_rsatoolbox:
        theirs = pytest.importorskip("rsatoolbox").rdm.RDMs(RDMS, "cosine")
        theirs.rdm_descriptors["session"] = values
        convert = lambda: from_rsatoolbox(theirs)
    else:
        convert = lambda: label_rdms(RDMS, "cosine", {"session": values})
    with pytest.raises(InputError, match=rf"rdm_descriptors\['session'\]: .*{message}"):
        convert()


@pytest.mark.parametrize("values", [[1.0, np.nan, 2, 3], [b"a", "b", "c", "d"]])
def test_numbers_may_be_nan_and_bytes_are_text(values):
    column = label_rdms(RDMS, "cosine", {"session": values}).session.values
    expected = [value.decode() if isinstance(value, bytes) else value for value in values]
    np.testing.assert_array_equal(column, expected)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rdm_descriptors": ["a"]}, r"rdm_descriptors: expected a mapping .*got \['a'\]"),
        ({"rdm_descriptors": {3: [1, 2, 3, 4]}}, "rdm_descriptors: expected names that are text"),
        ({"distance": ["cosine"]}, r"distance: expected text, got \['cosine'\]"),
    ],
)
def test_arguments_of_another_type_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        label_rdms(RDMS, **changes)


def test_rdms_with_nothing_but_the_running_number_of_rsatoolbox_are_saved(tmp_path):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    rdms = from_rsatoolbox(rsatoolbox.rdm.RDMs(RDMS, "cosine"))
    save_rdms(tmp_path / "rdms.h5", rdms)
    np.testing.assert_array_equal(load_rdms(tmp_path / "rdms.h5").exemplar, RDMS)
    theirs = rsatoolbox.rdm.load_rdm(str(tmp_path / "rdms.h5"))
    np.testing.assert_array_equal(theirs.dissimilarities, RDMS)
    assert list(theirs.rdm_descriptors["index"]) == [0, 1, 2, 3]
    np.testing.assert_array_equal(to_rsatoolbox(rdms).dissimilarities, RDMS)

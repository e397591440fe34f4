import sys
from itertools import chain

import h5py
import numpy as np
import pytest

from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.interop.rsatoolbox import (
    LabelledRdms,
    from_rsatoolbox,
    load_rdms,
    rdm_file,
    save_rdms,
    to_rsatoolbox,
)

N_RDMS, N_STIMULI, N_PAIRS = 4, 5, 10
RDM_DESCRIPTORS = {
    "instance": [0, 0, 1, 1],
    "layer": ["conv1", "conv2"] * 2,
    "epoch": [1.5, 2.0, np.nan, 4.0],
}
PATTERN_DESCRIPTORS = {
    "category": np.array(["cat", "cat", "dog", "dog", ""], object),
    "stimulus": [f"test_{i:05}" for i in range(N_STIMULI)],
}


@pytest.fixture
def rdms(rng):
    return rng.random((N_RDMS, N_PAIRS), np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rdms.h5"


def assert_same_descriptors(got, expected):
    for name, values in expected.items():
        np.testing.assert_array_equal(np.asarray(got[name]), np.asarray(values))


def test_rsatoolbox_opens_the_file(rdms, path):
    load_rdm = pytest.importorskip("rsatoolbox.rdm").load_rdm
    save_rdms(path, rdms, "correlation", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS)
    theirs = load_rdm(str(path))
    np.testing.assert_array_equal(theirs.dissimilarities, rdms)
    assert (theirs.n_rdm, theirs.n_cond) == (N_RDMS, N_STIMULI)
    assert theirs.dissimilarity_measure == "correlation"
    assert_same_descriptors(theirs.rdm_descriptors, RDM_DESCRIPTORS)
    assert_same_descriptors(theirs.pattern_descriptors, PATTERN_DESCRIPTORS)
    assert theirs.subset("layer", "conv2").n_rdm == 2
    assert theirs.subset_pattern("category", ["dog"]).n_cond == 2


def test_text_beyond_ascii_survives_even_when_long(rng, path):
    load_rdm = pytest.importorskip("rsatoolbox.rdm").load_rdm
    names = [f"Kätzchen 猫 {i}" for i in range(5000)]  # more than 64 KB as an attribute
    rdm = rng.random(5000 * 4999 // 2, np.float32)
    save_rdms(path, rdm, "cosine", {"layer": ["forme cachée"]}, {"stimulus": names})
    for loaded in (load_rdm(str(path)), load_rdms(path)):
        assert list(loaded.pattern_descriptors["stimulus"]) == names
        assert list(loaded.rdm_descriptors["layer"]) == ["forme cachée"]


def test_file_round_trip(rdms, path):
    save_rdms(path, rdms.reshape(2, 2, -1), "correlation", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS)
    loaded = load_rdms(path)
    np.testing.assert_array_equal(loaded.rdms, rdms)
    assert loaded.distance == "correlation"
    assert loaded.descriptors == {"source": "ensemble_rsa"}
    assert_same_descriptors(loaded.rdm_descriptors, RDM_DESCRIPTORS)
    assert_same_descriptors(loaded.pattern_descriptors, PATTERN_DESCRIPTORS)


def test_a_file_of_rsatoolbox_is_read(rdms, path):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    rsatoolbox.rdm.RDMs(
        rdms,
        "squared euclidean",
        descriptors={"session": 3, "subject": "s01"},
        rdm_descriptors={"layer": list("abcd")},
        pattern_descriptors={"category": np.arange(N_STIMULI)},
    ).save(str(path))
    loaded = load_rdms(path)
    np.testing.assert_array_equal(loaded.rdms, rdms)
    assert loaded.distance == "squared euclidean"
    assert loaded.descriptors == {"session": 3, "subject": "s01"}
    assert_same_descriptors(loaded.rdm_descriptors, {"layer": list("abcd"), "index": range(N_RDMS)})
    assert_same_descriptors(loaded.pattern_descriptors, {"category": range(N_STIMULI)})


def test_a_file_without_distance_is_read(rdms, path):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    rsatoolbox.rdm.RDMs(rdms).save(str(path))
    assert load_rdms(path).distance is None


def test_rows_may_be_written_in_any_order(rdms, path):
    with rdm_file(path, "correlation", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS) as rows:
        assert not path.exists()
        for i in reversed(range(N_RDMS)):
            rows[i] = rdms[i]
    np.testing.assert_array_equal(load_rdms(path).rdms, rdms)


def test_missing_rows_leave_no_file(rdms, path):
    with (
        pytest.raises(RunError, match="1 of 4 RDMs were not written, the first is row 2"),
        rdm_file(path, "correlation", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS) as rows,
    ):
        rows[[0, 1, 3]] = rdms[[0, 1, 3]]
    assert list(path.parent.iterdir()) == []


def test_failure_keeps_the_older_file(rdms, path):
    save_rdms(path, rdms, "correlation", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS)
    with (
        pytest.raises(TypeError),
        rdm_file(path, "cosine", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS) as rows,
    ):
        rows[0] = np.ones(N_PAIRS - 1)
    assert list(path.parent.iterdir()) == [path]
    assert load_rdms(path).distance == "correlation"


def test_object_round_trip(rdms):
    pytest.importorskip("rsatoolbox")
    theirs = to_rsatoolbox(rdms, "cosine", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS)
    assert theirs.dissimilarity_measure == "cosine"
    ours = from_rsatoolbox(theirs)
    np.testing.assert_array_equal(ours.rdms, rdms)
    assert ours.distance == "cosine"
    assert_same_descriptors(ours.rdm_descriptors, RDM_DESCRIPTORS)
    assert_same_descriptors(ours.pattern_descriptors, PATTERN_DESCRIPTORS)


def test_objects_share_nothing(rdms):
    pytest.importorskip("rsatoolbox")
    before, given = rdms.copy(), {"layer": list("abcd")}
    theirs = to_rsatoolbox(rdms, "cosine", given)
    theirs.dissimilarities[:] = 7
    ours = from_rsatoolbox(theirs)
    ours.rdms[:] = 8
    np.testing.assert_array_equal(rdms, before)
    np.testing.assert_array_equal(theirs.dissimilarities, 7)
    assert given == {"layer": list("abcd")}


def test_comparison_in_rsatoolbox_is_that_of_numpy(rdms):
    compare = pytest.importorskip("rsatoolbox.rdm").compare
    theirs = to_rsatoolbox(rdms, "correlation")
    np.testing.assert_allclose(compare(theirs, theirs, "corr"), np.corrcoef(rdms), atol=1e-6)


def test_missing_rsatoolbox_is_said(rdms, monkeypatch):
    for name in [*chain(n for n in sys.modules if n.split(".")[0] == "rsatoolbox"), "rsatoolbox"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunError, match="pip install rsatoolbox"):
        to_rsatoolbox(rdms, "correlation")


@pytest.mark.parametrize(
    ("rdms", "rdm_descriptors", "pattern_descriptors", "message"),
    [
        (np.ones((2, 4)), {"a": [0, 1]}, {"b": "xyz"}, "rdms: .* got 4, which fits no n"),
        (np.full((1, 3), np.nan), {"a": [0]}, {"b": list("xyz")}, "rdms: expected finite"),
        (np.ones((2, 3)), {"a": [0]}, {"b": list("xyz")}, r"rdm_descriptors\['a'\]: expected 2"),
        (np.ones((2, 3)), {"a": [0, 1]}, {"b": [1]}, r"pattern_descriptors\['b'\]: expected 3"),
        (np.ones((1, 3)), {"a": [None]}, {"b": [1, 2, 3]}, r"'a'\]: expected numbers or text"),
        (np.ones((1, 3)), {}, {"b": [1, 2, 3]}, "rdm_descriptors, .* at least one of each"),
    ],
)
def test_what_does_not_fit_is_refused(path, rdms, rdm_descriptors, pattern_descriptors, message):
    with pytest.raises(InputError, match=message):
        save_rdms(path, rdms, "correlation", rdm_descriptors, pattern_descriptors)
    assert list(path.parent.iterdir()) == []


def test_other_endings_are_refused(rdms, tmp_path):
    with pytest.raises(InputError, match=r"ends in \.h5 or \.hdf5, got 'rdms\.nc'"):
        save_rdms(tmp_path / "rdms.nc", rdms, "cosine", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS)


def test_other_files_and_objects_are_refused(tmp_path, path):
    with pytest.raises(InputError, match="no such file"):
        load_rdms(path)
    path.write_text("no HDF5")
    with pytest.raises(InputError, match="expected RDMs in HDF5"):
        load_rdms(path)
    h5py.File(tmp_path / "empty.h5", "w").close()
    with pytest.raises(InputError, match="expected RDMs in HDF5"):
        load_rdms(tmp_path / "empty.h5")
    with pytest.raises(InputError, match="rdms: expected an rsatoolbox.rdm.RDMs, got LabelledRdms"):
        from_rsatoolbox(LabelledRdms(np.ones((1, 3), np.float32), "cosine"))

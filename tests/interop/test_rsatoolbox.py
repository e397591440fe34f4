import sys

import h5py
import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.interop.labelled import label_rdms, rdm_rows
from ensemble_rsa.interop.rsatoolbox import from_rsatoolbox, load_rdms, save_rdms, to_rsatoolbox

N_RDMS, N_STIMULI = 4, 5
RDM_DESCRIPTORS = {
    "instance": [0, 0, 1, 2],  # no grid of layers and instances
    "layer": ["conv1", "conv2"] * 2,
    "epoch": [1.5, 2.0, np.nan, 4.0],
}
PATTERN_DESCRIPTORS = {
    "category": np.array(["cat", "cat", "dog", "dog", ""], object),
    "stimulus": [f"test_{i:05}" for i in range(N_STIMULI)],
}


@pytest.fixture
def rdms(rng) -> xr.Dataset:
    rows = rng.random((N_RDMS, 10), np.float32)
    return label_rdms(rows, "correlation", RDM_DESCRIPTORS, PATTERN_DESCRIPTORS)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rdms.h5"


def assert_same_descriptors(got, expected):
    for name, values in expected.items():
        np.testing.assert_array_equal(np.asarray(got[name]), np.asarray(values))


def test_a_file_is_read_back_and_opened_by_rsatoolbox(rdms, path):
    save_rdms(path, rdms)
    xr.testing.assert_identical(load_rdms(path), rdms.assign_attrs(source="ensemble_rsa"))
    load_rdm = pytest.importorskip("rsatoolbox.rdm").load_rdm
    theirs = load_rdm(str(path))
    np.testing.assert_array_equal(theirs.dissimilarities, rdms.exemplar)
    assert (theirs.n_rdm, theirs.n_cond) == (N_RDMS, N_STIMULI)
    assert theirs.dissimilarity_measure == "correlation"
    assert_same_descriptors(theirs.rdm_descriptors, RDM_DESCRIPTORS)
    assert_same_descriptors(theirs.pattern_descriptors, PATTERN_DESCRIPTORS)
    assert theirs.subset("layer", "conv2").n_rdm == 2
    assert theirs.subset_pattern("category", ["dog"]).n_cond == 2


def test_text_beyond_ascii_survives_even_when_long(rng, path):
    load_rdm = pytest.importorskip("rsatoolbox.rdm").load_rdm
    names = [f"Kätzchen 猫 {i:020}" for i in range(2000)]  # more than 64 KB as an attribute
    rdm = rng.random(2000 * 1999 // 2, np.float32)
    save_rdms(path, label_rdms(rdm, "cosine", {"layer": ["forme cachée"]}, {"stimulus": names}))
    theirs = load_rdm(str(path))
    ours = load_rdms(path)
    assert list(theirs.pattern_descriptors["stimulus"]) == ours.stimulus.values.tolist() == names
    assert list(theirs.rdm_descriptors["layer"]) == ours.layer.values.tolist() == ["forme cachée"]


def test_files_of_rsatoolbox_are_read_with_and_without_distance_and_nan(rdms, path):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    rsatoolbox.rdm.RDMs(
        rdms.exemplar.values,
        "squared euclidean",
        descriptors={"session": 3, "subject": "s01"},
        rdm_descriptors={"layer": list("abcd")},
        pattern_descriptors={"category": np.arange(N_STIMULI)},
    ).save(str(path))
    loaded = load_rdms(path)
    np.testing.assert_array_equal(loaded.exemplar, rdms.exemplar)
    assert loaded.attrs == {"distance": "squared euclidean", "session": 3, "subject": "s01"}
    assert loaded.layer.values.tolist() == list("abcd")
    assert loaded.category.values.tolist() == list(range(N_STIMULI))

    rows = rdms.exemplar.values
    rows[0, 0] = np.nan
    rsatoolbox.rdm.RDMs(rows).save(str(path.with_name("nan.h5")))
    loaded = load_rdms(path.with_name("nan.h5"))
    assert "distance" not in loaded.attrs
    np.testing.assert_array_equal(loaded.exemplar, rows)


def test_object_round_trip_shares_no_memory(rdms):
    pytest.importorskip("rsatoolbox")
    before = rdms.copy(deep=True)
    theirs = to_rsatoolbox(rdms)
    assert theirs.dissimilarity_measure == "correlation"
    ours = from_rsatoolbox(theirs)
    xr.testing.assert_identical(ours, rdms)
    theirs.dissimilarities[:] = 7
    xr.testing.assert_identical(rdms, before)
    xr.testing.assert_identical(ours, before)


def test_layers_and_instances_are_rows_in_a_file(rng, path):
    stack = xr.Dataset(
        {"exemplar": (("layer", "instance", "stimulus_pair"), rng.random((2, 3, 3), np.float32))},
        {"layer": ["V1", "IT"], "instance": [4, 5, 6], "seed": ("instance", [7, 8, 9]),
         "stimulus": list("abc")},
        {"distance": "cosine"},
    )  # fmt: skip
    save_rdms(path, stack)
    xr.testing.assert_identical(load_rdms(path), stack.assign_attrs(source="ensemble_rsa"))
    rows = rdm_rows(stack.sel(layer="IT", instance=5))
    np.testing.assert_array_equal(rows.rdms, stack.exemplar.values[1, [1]])
    assert rows.descriptors == {"distance": "cosine", "layer": "IT", "instance": 5, "seed": 8}


def test_without_rsatoolbox_the_error_says_how_to_install_it(rdms, monkeypatch):
    loaded = [name for name in sys.modules if name.split(".")[0] == "rsatoolbox"]
    for name in [*loaded, "rsatoolbox"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunError, match="pip install rsatoolbox"):
        to_rsatoolbox(rdms)


def test_what_cannot_be_written_is_refused(rdms, path):
    for given, message in (
        (rdms.where(rdms.exemplar > 2), "rdms: expected finite"),
        (xr.Dataset(rdms.data_vars, rdms.coords), "expected the attribute 'distance'"),
        (rdms.assign_attrs(noise=np.eye(2)), r"\['noise'\]: expected text or a number"),
        (xr.Dataset(), "rdms: expected RDMs as `extract`"),
    ):
        with pytest.raises(InputError, match=message):
            save_rdms(path, given)
    with pytest.raises(InputError, match=r"ends in \.h5 or \.hdf5, got 'rdms\.nc'"):
        save_rdms(path.with_suffix(".nc"), rdms)
    assert not path.exists()


def test_other_files_and_objects_are_refused(tmp_path, path, rdms):
    with pytest.raises(InputError, match="no such file"):
        load_rdms(path)
    path.write_text("no HDF5")
    with pytest.raises(InputError, match="expected RDMs in HDF5"):
        load_rdms(path)
    h5py.File(tmp_path / "empty.h5", "w").close()
    with pytest.raises(InputError, match="expected RDMs in HDF5"):
        load_rdms(tmp_path / "empty.h5")
    with pytest.raises(InputError, match="rdms: expected an rsatoolbox.rdm.RDMs, got Dataset"):
        from_rsatoolbox(rdms)

"""Every container, in memory or on disk, is read as the plain NumPy array that it holds."""

from functools import partialmethod

import h5py
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr
import zarr
from scipy.spatial.distance import cdist, squareform

from ensemble_rsa.arrays import as_numpy, check_array, check_labels, check_rdms
from ensemble_rsa.errors import InputError

ACTIVATIONS = np.random.default_rng(0).integers(-8, 8, (3, 4, 5)).astype(np.float64)
AXES = "(instance, stimulus, unit)"
RDM_AXES = "(..., instance, stimulus_pair)"


class StandInTensor:
    """Behaves like a PyTorch tensor that needs gradients and has a type that NumPy lacks."""

    is_quantized = is_nested = False

    def __init__(self, values, steps=("detach", "cpu", "float"), layout="torch.strided"):
        self.values, self.steps, self.layout = values, steps, layout
        self.shape, self.ndim = values.shape, values.ndim

    def done(self, step):
        return StandInTensor(self.values, [each for each in self.steps if each != step])

    detach = partialmethod(done, "detach")
    cpu = partialmethod(done, "cpu")
    float = partialmethod(done, "float")
    resolve_conj = resolve_neg = partialmethod(done, None)

    def numpy(self):
        if self.steps:
            raise TypeError
        return self.values


def on_disk(folder, values):
    file = h5py.File(folder / "values.h5", "w")
    np.save(folder / "values.npy", values)
    dataset = xr.Dataset({"values": (("unit", "instance", "stimulus"), values.transpose(2, 0, 1))})
    dataset.to_netcdf(folder / "values.nc", engine="h5netcdf")
    return [
        file.create_dataset("values", data=values),
        zarr.array(values),
        np.load(folder / "values.npy", mmap_mode="r"),
        xr.open_dataset(folder / "values.nc", engine="h5netcdf")["values"],
    ]


@pytest.mark.parametrize(
    "container",
    [
        np.asfortranarray, jnp.asarray, list, np.ndarray.tolist, StandInTensor,
        lambda a: a.astype(">f4"), lambda a: a.astype(ml_dtypes.bfloat16), np.ma.masked_array,
        lambda a: [pd.DataFrame(x) for x in a],
        lambda a: [pd.DataFrame(x).astype("Int64") for x in a],
        lambda a: [StandInTensor(x) for x in a],
        xr.DataArray,
        lambda a: xr.DataArray(a.transpose(2, 1, 0), dims=("unit", "stimulus", "instance")),
        lambda a: xr.DataArray(a.swapaxes(1, 2), dims=("network", "unit", "word")),
        lambda a: [xr.DataArray(x.T, dims=("unit", "category")) for x in a],
    ],
)  # fmt: skip
def test_containers_in_memory(container):
    array = check_array("activations", container(ACTIVATIONS), 3, AXES)
    np.testing.assert_array_equal(as_numpy(array).astype(float), ACTIVATIONS)


def test_data_sets_on_disk_are_passed_on_unread(tmp_path):
    for stored in on_disk(tmp_path, ACTIVATIONS):
        array = check_array("activations", stored, 3, AXES)
        assert isinstance(array, type(stored))
        np.testing.assert_array_equal(as_numpy(array[1, :, 2:]), ACTIVATIONS[1, :, 2:])


@pytest.mark.parametrize(
    ("library", "convert"),
    [
        ("torch", lambda torch: torch.tensor(ACTIVATIONS)),
        ("torch", lambda torch: torch.tensor(ACTIVATIONS, dtype=torch.bfloat16).requires_grad_()),
        ("polars", lambda polars: [polars.DataFrame(x) for x in ACTIVATIONS]),
        ("dask.array", lambda dask: dask.from_array(ACTIVATIONS, chunks=2)),
    ],
)
def test_libraries_that_are_not_required_where_they_are_installed(library, convert):
    array = check_array("activations", convert(pytest.importorskip(library)), 3, AXES)
    np.testing.assert_array_equal(as_numpy(array), ACTIVATIONS)


def test_masked_entries_are_nan():
    masked = np.ma.masked_equal([[1, 2], [3, 4]], 3)
    for given in (masked, list(masked)):
        array = check_array("values", given, 2, "(a, b)")
        np.testing.assert_array_equal(array, [[1, 2], [np.nan, 4]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (StandInTensor(np.eye(3), layout="torch.sparse"), r"x: expected a dense tensor"),
        (scipy.sparse.csr_matrix(np.eye(3)), r"x: .*sparse array .*; give a dense one"),
        (xr.Dataset({"V1": ("unit", [1.0])}), r"x: .*xarray.Dataset; give one of its variables"),
        ([np.ones((3, 4)), np.ones((3, 5))], r"x: .*one shape in a list, got \(3, 4\), \(3, 5\)"),
        (
            [[1.0, 2.0], [1.0]],
            r"x: .*lists of one shape in a list, got \(1,\), \(2,\); give",
        ),
        (xr.DataArray(np.ones((3, 4)), dims=("layer", "unit")), r"x: .*dimension\(s\) stimulus"),
        (np.ones(3), r"x: expected shape \(stimulus, unit\), got \(3,\)"),
        (np.ones((3, 0)), r"x: .*no empty axis"),
        (np.ones((3, 3), complex), r"x: expected real numbers .*complex128"),
        (pd.DataFrame({"a": ["x", "y"]}), r"x: expected real numbers"),
        (object(), r"x: expected real numbers of shape .*got object"),
    ],
)
def test_other_input_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        check_array("x", value, 2, "(stimulus, unit)")


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
    "labels",
    [
        [10, 2, 1, 10], np.array([10.0, 2, 1, 10]), jnp.array([10, 2, 1, 10]),
        pd.Series([10, 2, 1, 10], dtype="Int64"), ["c", b"b", np.str_("a"), "c"],
        np.array(["c", "b", "a", "c"], "S"), np.array(["c", "b", "a", "c"], object),
        pd.Categorical(["c", "b", "a", "c"], categories=["b", "c", "a"]),
        xr.DataArray(["c", "b", "a", "c"]), zarr.array(np.array([10, 2, 1, 10])),
    ],
)  # fmt: skip
def test_labels_of_any_kind_sort_as_what_they_are(labels):
    codes, categories = check_labels("labels", labels, 4)
    assert codes.tolist() == [2, 1, 0, 2]
    assert categories.tolist() in ([1, 2, 10], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", None, "b", np.nan], r"got 2 missing, at position\(s\) 1, 3"),
        (pd.Series(["a", None, "b", "a"], dtype="string"), r"1 missing, at position\(s\) 1"),
        (pd.Series([1, None, 2, 1], dtype="Int64"), r"1 missing, at position\(s\) 1"),
        (np.ma.masked_equal([1, 2, 3, 4], 2), r"1 missing, at position\(s\) 1"),
        ([1, "a", 2, 3], "values of one kind, got int, str"),
        ("abcd", "a sequence of labels, got str"),
        ({1, 2, 3, 4}, "a sequence of labels, got set"),
        ([["a"], ["b"], ["a"], ["b"]], "nested"),
        (list("abc"), "one label for each of 4 stimuli, got 3"),
        ([1j, 2j, 1j, 2j], "labels that sort"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(InputError, match=f"labels: .*{message}"):
        check_labels("labels", labels, 4)

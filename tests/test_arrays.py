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

from ensemble_rsa.arrays import as_numpy, check_array
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

"""Readers of HDF5, MATLAB, zarr and netCDF files."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.interop.activation_files.members import Contents, Member, damage_named
from ensemble_rsa.interop.activation_files.names import CATEGORIES, STIMULI, named_columns
from ensemble_rsa.interop.path_patterns import natural

OF_MATLAB = ("#refs#", "#subsystem#")  # where version 7.3 keeps the contents of cells
NUMBERS = "biuf"


def open_hdf5(path: Path, matlab: bool = False) -> Contents:
    """Open an HDF5 file; the axes of data sets that MATLAB wrote are reversed."""
    arrays: dict[str, Member] = {}
    columns: dict[str, Any] = {}

    with h5py.File(path, "r") as file:
        for name, item in _data_sets(file["/"], "", {file["/"].id}):
            if item.dtype.kind in NUMBERS and item.ndim >= 2 and not _is_text(item):
                reverse = matlab or "MATLAB_class" in item.attrs
                arrays[name] = _data_set(path, name, item, reverse)
            elif name in STIMULI + CATEGORIES and item.size:
                columns[name] = _text_column(item)
    return named_columns(arrays, columns)


def _data_sets(group: Any, prefix: str, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the data sets of a group and of those in it, each once; links to others are left out.

    They come as they were made where the group has recorded that, else in natural order.
    """
    is_recorded = group.id.get_create_plist().get_link_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
    for key in list(group) if is_recorded else sorted(group, key=natural):
        name, is_own = f"{prefix}{key}", isinstance(group.get(key, getlink=True), h5py.HardLink)
        if name.startswith(OF_MATLAB) or not is_own or (item := group[key]).id in seen:
            continue
        seen.add(item.id)  # which may have several names
        if isinstance(item, h5py.Dataset):
            yield name, item
        elif isinstance(item, h5py.Group):
            yield from _data_sets(item, f"{name}/", seen)


def _is_text(item: Any) -> bool:
    return item.attrs.get("MATLAB_class") == b"char"


def _text_column(item: Any) -> list[Any]:
    """Return ids: text, numbers, or a MATLAB cell array of text."""
    if h5py.check_ref_dtype(item.dtype) is not None:
        return ["".join(map(chr, item.file[cell][()].T.ravel())) for cell in item[()].ravel()]
    if _is_text(item):  # a character matrix, one id in each row
        return ["".join(map(chr, row)) for row in item[()].T]
    return item[()].ravel().tolist()


def _data_set(path: Path, name: str, item: Any, reverse: bool) -> Member:
    def read(key: tuple[slice, ...]) -> np.ndarray:
        with damage_named(path, "an HDF5 file"), h5py.File(path, "r") as file:
            stored: Any = file[name]
            return stored[key[::-1]].transpose() if reverse else stored[key]

    shape = item.shape[::-1] if reverse else item.shape
    return Member(f"{path}, key {name!r}", shape, item.dtype, read)


def open_mat(path: Path) -> Contents:
    """Open a MATLAB file, of version 7.3 (HDF5) or older."""
    if h5py.is_hdf5(path):
        return open_hdf5(path, matlab=True)
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    arrays: dict[str, Member] = {}
    columns: dict[str, Any] = {}
    try:
        found = whosmat(path)
    except MatReadError as error:  # it is an exception of its own kind
        raise ValueError(str(error)) from None
    for name, shape, kind in found:
        if name in STIMULI + CATEGORIES:
            columns[name] = [_cell(each) for each in loadmat(path)[name].ravel()]
        elif kind in ("double", "single", "logical") or "int" in kind:

            def read(key: tuple[slice, ...], name: str = name) -> np.ndarray:
                with damage_named(path, "a MATLAB file"):
                    return loadmat(path, variable_names=[name])[name][key]

            dtype = {"single": "float32", "logical": "bool", "double": "float64"}.get(kind, kind)
            where = f"{path}, variable {name!r}"
            arrays[name] = Member(where, tuple(shape), np.dtype(dtype), read, sliced=False)
    return named_columns(arrays, columns)


def _cell(value: Any) -> Any:
    """Return the text in a cell of a cell array."""
    return value.ravel()[0] if isinstance(value, np.ndarray) and value.size else value


def open_zarr(path: Path) -> Contents:
    """Open a zarr array, or a group of them."""
    try:
        import zarr
    except ImportError:
        raise RunError(
            f"{path}: zarr is not installed; run `pip install 'ensemble_rsa[files]'`"
        ) from None
    opened: Any = zarr.open(path, mode="r")
    if isinstance(opened, zarr.Array):
        found: dict[str, Any] = {"": opened}
    else:
        members = opened.members(max_depth=None)
        found = {name: item for name, item in members if isinstance(item, zarr.Array)}
    arrays: dict[str, Member] = {}
    columns: dict[str, Any] = {}
    notes = []
    for name, item in sorted(found.items(), key=lambda one: [*map(natural, one[0].split("/"))]):
        if np.dtype(item.dtype).kind in NUMBERS and (item.ndim >= 2 or not name):
            arrays[name] = _zarr_array(path, name, item, zarr)
            absent = item.nchunks - item.nchunks_initialized
            if absent:
                notes.append(
                    f"{arrays[name].where}: {absent} of {item.nchunks} chunks are not stored and "
                    f"were read as {item.fill_value}"
                )
        elif name in STIMULI + CATEGORIES:
            columns[name] = item[...]
    contents = named_columns(arrays, columns)
    return Contents(arrays, contents.stimuli, contents.categories, tuple(notes))


def _zarr_array(path: Path, name: str, item: Any, zarr: Any) -> Member:
    def read(key: tuple[slice, ...]) -> np.ndarray:
        with damage_named(path, "a zarr store"):
            opened: Any = zarr.open(path, mode="r")
            return np.asarray((opened[name] if name else opened)[key])

    where = f"{path}, key {name!r}" if name else str(path)
    return Member(where, tuple(item.shape), np.dtype(item.dtype), read)


def open_netcdf(path: Path) -> Contents:
    """Open a netCDF file; a dimension named `stimulus` comes first."""
    arrays: dict[str, Member] = {}
    with xr.open_dataset(path) as stored:
        for key, variable in stored.data_vars.items():
            name, dims = str(key), tuple(map(str, variable.dims))
            if variable.dtype.kind not in NUMBERS or variable.ndim < 2:
                continue
            if "instance" in dims:
                raise InputError(
                    f"{path}, variable {name!r}: expected the activations of one instance, got "
                    f"the dimensions {', '.join(dims)}; open it with xarray and give its "
                    "variables to extract, as a mapping of layers"
                )
            if "stimulus" in dims:
                dims = ("stimulus", *(each for each in dims if each != "stimulus"))
            arrays[name] = _variable(path, name, variable.transpose(*dims))
        columns = {
            name: stored[name].values for name in STIMULI + CATEGORIES if name in stored.variables
        }
    return named_columns(arrays, columns)


def _variable(path: Path, name: str, variable: xr.DataArray) -> Member:
    dims = variable.dims
    opened: Callable[[], AbstractContextManager[xr.Dataset]] = lambda: xr.open_dataset(path)

    def read(key: tuple[slice, ...]) -> np.ndarray:
        with damage_named(path, "a netCDF file"), opened() as stored:
            return stored[name].transpose(*dims)[key].values

    return Member(f"{path}, variable {name!r}", variable.shape, variable.dtype, read)

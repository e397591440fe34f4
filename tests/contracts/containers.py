"""Containers, types and memory orders of arrays, and kinds of labels, as users have them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pandas as pd
import xarray as xr
import zarr

NAMES = {
    "activations": ("instance", "stimulus", "unit"),
    "rdms": ("instance", "stimulus_pair"),
    "rdm": ("stimulus_pair",),
    "points": ("stimulus", "component"),
    "series": ("value",),
}
SQUARE = ("stimulus", "stimulus_2")


def has(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


DTYPES = {
    name: np.dtype(name)
    for name in ("f8", "f4", "f2", ">f8", ">f4", "g", "i1", "i2", "i8", "u1", "u4", ">i4")
} | {"bfloat16": np.dtype(ml_dtypes.bfloat16)}
ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
    "moved": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -1, 0)), 0, -1),
}


def memory_map(a: np.ndarray, names: Any, folder: Path) -> Any:
    np.save(folder / "a.npy", a if a.dtype.kind in "fiu" else a.astype(np.float32))
    return np.load(folder / "a.npy", mmap_mode="r")


def in_file(a: np.ndarray, names: Any, folder: Path) -> Any:
    if a.dtype == DTYPES["bfloat16"]:
        raise TypeError("HDF5 lacks bfloat16")
    file = h5py.File(folder / f"{len(list(folder.iterdir()))}.h5", "w")
    return file.create_dataset("a", data=a)


def in_netcdf(a: np.ndarray, names: Any, folder: Path) -> Any:
    path = folder / f"{len(list(folder.iterdir()))}.nc"
    xr.Dataset({"a": (names[::-1], a.T)}).to_netcdf(path, engine="h5netcdf")
    return xr.open_dataset(path, engine="h5netcdf")["a"]


def nested(a: np.ndarray, convert: Callable[[np.ndarray], Any], depth: int) -> Any:
    """Lists of converted parts of `depth` axes."""
    if a.ndim <= depth:
        return convert(a)
    return [nested(part, convert, depth) for part in a]


def torch_tensor(a: np.ndarray, grad: bool = False) -> Any:
    import torch

    if a.dtype == DTYPES["bfloat16"]:
        return torch.tensor(a.astype(np.float32)).to(torch.bfloat16)
    tensor = torch.tensor(a)
    return tensor.requires_grad_() if grad and tensor.is_floating_point() else tensor


def polars_table(a: np.ndarray) -> Any:
    import polars

    if a.dtype in (DTYPES["bfloat16"], DTYPES["g"]):
        raise TypeError("polars lacks this type")
    return polars.Series(a) if a.ndim == 1 else polars.DataFrame(a)


def dask_array(a: np.ndarray) -> Any:
    import dask.array

    return dask.array.from_array(a, chunks=2)


def table(a: np.ndarray) -> Any:
    return pd.Series(a) if a.ndim == 1 else pd.DataFrame(a)


# Each takes an array, the names of its axes and a folder; TypeError or ValueError where the library
# lacks a type.
CONTAINERS: dict[str, Callable[[np.ndarray, tuple[str, ...], Path], Any]] = {
    "numpy": lambda a, *_: a,
    "jax": lambda a, *_: jnp.asarray(a),
    "nested lists": lambda a, *_: a.tolist(),
    "list of arrays": lambda a, *_: list(a),
    "tuple of lists": lambda a, *_: tuple(part.tolist() for part in a),
    "mixed list": lambda a, *_: [a[0].tolist(), *list(a[1:])],
    "list of jax": lambda a, *_: [jnp.asarray(part) for part in a],
    "memory map": memory_map,
    "masked": lambda a, *_: np.ma.masked_array(a),
    "DataArray": lambda a, names, _: xr.DataArray(a, dims=names),
    "DataArray, other order": lambda a, names, _: xr.DataArray(a.T, dims=names[::-1]),
    "DataArray of other names": lambda a, *_: xr.DataArray(a),
    "Variable": lambda a, names, _: xr.Variable(names, a),
    "list of DataArrays": lambda a, names, _: [xr.DataArray(p.T, dims=names[:0:-1]) for p in a],
    "pandas": lambda a, *_: nested(a, table, 2),
    "nullable pandas": lambda a, *_: nested(a, lambda x: table(x).convert_dtypes(), 2),
    "h5py": in_file,
    "zarr": lambda a, *_: zarr.array(a),
    "netCDF": in_netcdf,
}
if has("torch"):
    CONTAINERS |= {
        "torch": lambda a, *_: torch_tensor(a),
        "torch with gradients": lambda a, *_: torch_tensor(a, grad=True),
        "torch, other order": lambda a, *_: torch_tensor(np.ascontiguousarray(a.T)).permute(
            *range(a.ndim)[::-1]
        ),
        "list of torch": lambda a, *_: [torch_tensor(part, grad=True) for part in a],
    }
if has("polars"):
    CONTAINERS["polars"] = lambda a, *_: nested(a, polars_table, 2)
if has("dask"):
    CONTAINERS["dask"] = lambda a, *_: dask_array(a)
    CONTAINERS["DataArray of dask"] = lambda a, names, _: xr.DataArray(
        dask_array(a.T), dims=names[::-1]
    )

WORDS, NUMBERS = ["dog", "ant", "cat"], [10, 2, 1]  # in no sorted order
LABELS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "words": lambda codes, _: [WORDS[k] for k in codes],
    "array of words": lambda codes, _: np.array(WORDS)[codes],
    "bytes": lambda codes, _: np.array(WORDS, "S")[codes],
    "objects": lambda codes, _: np.array(WORDS, object)[codes],
    "Series": lambda codes, _: pd.Series(np.array(WORDS)[codes], index=codes),
    "categorical": lambda codes, _: pd.Categorical(np.array(WORDS)[codes], categories=WORDS),
    "Index": lambda codes, _: pd.Index(np.array(WORDS)[codes]),
    "DataArray": lambda codes, _: xr.DataArray(np.array(WORDS)[codes], dims="stimulus"),
    "h5py": lambda codes, folder: in_file(np.array(WORDS, "S")[codes], None, folder),
    "numbers": lambda codes, _: [NUMBERS[k] for k in codes],
    "floats": lambda codes, _: np.array(NUMBERS, float)[codes],
    "small numbers": lambda codes, _: np.array(NUMBERS, np.uint8)[codes],
    "jax": lambda codes, _: jnp.array(NUMBERS)[codes],
    "nullable": lambda codes, _: pd.Series(np.array(NUMBERS)[codes], dtype="Int64"),
    "zarr": lambda codes, _: zarr.array(np.array(NUMBERS)[codes]),
    "masked": lambda codes, _: np.ma.masked_array(np.array(NUMBERS)[codes]),
    "tuple": lambda codes, _: tuple(NUMBERS[k] for k in codes),
}
if has("torch"):
    LABELS["torch"] = lambda codes, _: torch_tensor(np.array(NUMBERS)[codes])
if has("polars"):
    LABELS["polars"] = lambda codes, _: polars_table(np.array(NUMBERS)[codes])
if has("dask"):
    LABELS["dask"] = lambda codes, _: dask_array(np.array(NUMBERS)[codes])


def sorted_codes(kind: str, codes: np.ndarray) -> np.ndarray:
    """Category numbers in the order in which labels of this kind sort."""
    with TemporaryDirectory() as folder:
        labels = np.asarray(LABELS[kind](codes, Path(folder)))
    values = WORDS if isinstance(labels.ravel()[0], str | bytes) else NUMBERS
    return np.argsort(np.argsort(np.array(values)))[codes]

"""The formats of files of activations, by the ending of their names."""

from collections.abc import Callable
from pathlib import Path

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files import (
    array_files,
    chunked_files,
    text_files,
    torch_files,
)
from ensemble_rsa.interop.activation_files.members import Contents, damage_named

# Ending → reader, what was expected, and the package that takes part.
FORMATS: dict[str, tuple[Callable[[Path], Contents], str, str]] = {
    ".npy": (array_files.open_npy, "an array that numpy.save wrote", "numpy"),
    ".npz": (array_files.open_npz, "arrays that numpy.savez wrote", "numpy"),
    ".h5": (chunked_files.open_hdf5, "an HDF5 file", "h5py"),
    ".hdf5": (chunked_files.open_hdf5, "an HDF5 file", "h5py"),
    ".mat": (chunked_files.open_mat, "a MATLAB file", "scipy"),
    ".pt": (torch_files.open_pt, "tensors that torch.save wrote", "torch"),
    ".pth": (torch_files.open_pt, "tensors that torch.save wrote", "torch"),
    ".safetensors": (array_files.open_safetensors, "a safetensors file", "numpy"),
    ".zarr": (chunked_files.open_zarr, "a zarr store", "zarr"),
    ".nc": (chunked_files.open_netcdf, "a netCDF file", "h5netcdf"),
    ".csv": (text_files.open_table, "a table of numbers", "numpy"),
    ".tsv": (text_files.open_table, "a table of numbers", "numpy"),
    ".txt": (text_files.open_table, "a table of numbers", "numpy"),
}


def open_file(path: Path) -> Contents:
    """Open a file of activations without reading the arrays in it.

    Raises:
        InputError: an unknown ending, a damaged file, one that needs pickle, or no array in it.
        RunError: a package that reads the format is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            f"{path}: expected a file that ends in {', '.join(FORMATS)}, got "
            f"{path.suffix or 'no ending'!r}"
        )
    reader, expected, _ = FORMATS[path.suffix.lower()]
    with damage_named(path, expected):
        contents = reader(path)
    if not contents.arrays:
        raise InputError(f"{path}: expected an array (stimulus, unit) of real numbers, got none")
    for member in contents.arrays.values():
        if not member.shape or 0 in member.shape:
            raise InputError(
                f"{member.where}: expected shape (stimulus, unit) with no empty axis, got "
                f"{member.shape}"
            )
    return contents

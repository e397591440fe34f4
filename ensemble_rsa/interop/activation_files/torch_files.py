"""Reader of tensors that PyTorch saved."""

import pickle
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_rsa.arrays import as_numpy, check_array
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.interop.activation_files.members import Contents, Member, damage_named


def open_pt(path: Path) -> Contents:
    """Open a tensor, or a mapping of names to tensors that may be nested."""
    arrays: dict[str, Member] = {}
    stored = _load(path)
    if hasattr(stored, "detach"):
        arrays[""] = _tensor(path, (), stored)
    elif isinstance(stored, dict):
        _collect(path, (), stored, arrays)
    else:
        raise InputError(
            f"{path}: expected a tensor or a dict of tensors, got {type(stored).__name__}"
        )
    return Contents(arrays)


def _collect(path: Path, keys: tuple[Any, ...], stored: Any, arrays: dict[str, Member]) -> None:
    for key, value in stored.items():
        if isinstance(value, dict):
            _collect(path, (*keys, key), value, arrays)
        elif hasattr(value, "detach") and value.ndim >= 1:
            arrays[".".join(map(str, (*keys, key)))] = _tensor(path, (*keys, key), value)


def _tensor(path: Path, keys: tuple[Any, ...], tensor: Any) -> Member:
    where = f"{path}, key {'.'.join(map(str, keys))!r}" if keys else str(path)

    def read(key: tuple[slice, ...]) -> np.ndarray:
        found: Any = _load(path)
        for name in keys:
            found = found[name]
        return np.array(as_numpy(check_array(where, found[key], 1, "(stimulus, unit)")))

    sample = check_array(where, tensor[:1], 1, "(stimulus, unit)")
    return Member(where, tuple(tensor.shape), np.dtype(sample.dtype), read)


def _load(path: Path) -> Any:
    """Load what needs no pickle, memory-mapped where the file allows it."""
    try:
        torch: Any = import_module("torch")
    except ImportError:
        raise RunError(
            f"{path}: PyTorch is not installed; run `pip install 'ensemble_rsa[torch]'`, or save "
            "the activations as .npy"
        ) from None
    try:
        with damage_named(path, "tensors that torch.save wrote"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError as error:
                if "mmap can only be used" not in str(error):
                    raise
                return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path}: expected nothing but tensors, got Python objects, which need pickle and can "
            "run any code; save a dict of layers and tensors with torch.save"
        ) from None

"""Checkpoints of PyTorch networks: reading without unpickling, and matching of every key.

Only tensors are read (`weights_only=True`, safetensors), since a pickle can run any code.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble_rsa.errors import InputError, kind_and_first_line
from ensemble_rsa.interop.networks.network import some_names
from ensemble_rsa.interop.optional import optional_import

# Under which key training scripts store the weights, beside the state of an optimiser and such.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights")
# `DataParallel`, `torch.compile` and Lightning put these before every key.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
_IN_FOLDER = ("model.safetensors", "pytorch_model.bin")  # what Hugging Face's libraries write


def read_checkpoint(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the tensors of a checkpoint by key, and notes on how it was read.

    Raises:
        InputError: no such file, a damaged one, one that holds more than tensors, or no tensors.
    """
    if path.is_dir():
        inside = [path / name for name in _IN_FOLDER if (path / name).is_file()]
        if not inside:
            raise InputError(f"checkpoints: {path} holds neither {' nor '.join(_IN_FOLDER)}")
        path = inside[0]
    if not path.is_file():
        raise InputError(f"checkpoints: {path}: no such file")
    if path.suffix == ".safetensors":
        values, notes = _read_safetensors(path), []
    else:
        values, notes = _unwrapped(path, _read_torch(path))
    torch = optional_import("torch", "torch", "a PyTorch checkpoint")
    tensors = {key: value for key, value in values.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise InputError(
            f"checkpoints: expected tensors by name in {path.name}, as in a state_dict, got "
            f"{_describe(values)}"
        )
    return tensors, notes


def _read_safetensors(path: Path) -> dict[str, Any]:
    safetensors = optional_import("safetensors.torch", "torch", "a .safetensors checkpoint")
    try:
        return safetensors.load_file(path)
    except Exception as error:
        raise InputError(
            f"checkpoints: {path} is damaged ({kind_and_first_line(error)[:200]})"
        ) from error


def _read_torch(path: Path) -> Any:
    torch = optional_import("torch", "torch", "a PyTorch checkpoint")
    try:
        # only the parts that are used are read then; not possible with the format before 1.6
        mapped = zipfile.is_zipfile(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        if "Weights only load failed" not in str(error):
            raise InputError(
                f"checkpoints: {path} is no PyTorch checkpoint ({kind_and_first_line(error)[:200]})"
            ) from None
        raise InputError(
            f"checkpoints: {path} holds more than tensors ({_wanted(error)}), and reading that can "
            "run any code in it; if you trust its origin, convert it once: for a whole module, "
            f"torch.save(torch.load({path.name!r}, weights_only=False).state_dict(), 'NEW.pt'), "
            "for a dictionary with the weights under 'state_dict', that entry"
        ) from None
    except Exception as error:
        raise InputError(
            f"checkpoints: {path} is damaged ({kind_and_first_line(error)[:200]})"
        ) from error


def _wanted(error: Exception) -> str:
    """The object that PyTorch refused to make, from its long message."""
    text = str(error)
    for line in text.replace(". ", "\n").splitlines():
        if "GLOBAL" in line or "Unsupported" in line:
            return line.strip()[:160]
    return "objects of Python"


def _describe(values: Any) -> str:
    if not isinstance(values, Mapping):
        return type(values).__name__
    return f"keys {', '.join(map(str, list(values)[:5]))}" if values else "nothing"


def _unwrapped(path: Path, values: Any) -> tuple[Mapping[str, Any], list[str]]:
    """Return the state dictionary in what a training script stored, and a note on where it was."""
    notes: list[str] = []
    while isinstance(values, Mapping):
        inner = [key for key in WRAPPERS if isinstance(values.get(key), Mapping)]
        if not inner:
            break
        others = [str(key) for key in values if key != inner[0]]
        beside = f"; ignored beside them: {', '.join(others[:6])}" if others else ""
        notes.append(f"the weights are under the key {inner[0]!r} of the checkpoints{beside}")
        values = values[inner[0]]
    if not isinstance(values, Mapping):
        raise InputError(
            f"checkpoints: expected tensors by name in {path.name}, as in a state_dict, got "
            f"{_describe(values)}"
        )
    return values, notes


def load_weights(module: Any, path: Path) -> None:
    """Put all weights of a checkpoint into a module.

    Raises:
        InputError: a key that is missing or not expected, or a tensor of another shape.
    """
    tensors, _ = _matched(module, path)
    module.load_state_dict(tensors, strict=False)


def check_checkpoint(module: Any, path: Path) -> list[str]:
    """Raise as `load_weights` would, and return notes on how a checkpoint is read."""
    return _matched(module, path)[1]


def _matched(module: Any, path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return tensors for every key of a module, and notes on how they were read."""
    tensors, notes = read_checkpoint(path)
    expected = module.state_dict()
    tensors, stripped = _without_prefixes(tensors, expected)
    notes += [f"the prefix {prefix!r} of all keys was removed" for prefix in stripped]
    missing = [key for key in expected if key not in tensors]
    if counters := [key for key in missing if key.endswith("num_batches_tracked")]:
        notes.append("counters of batches (num_batches_tracked) are missing, which has no effect")
    tied = _tied(expected, missing, tensors)
    missing = [key for key in missing if key not in counters and key not in tied]
    unexpected = [key for key in tensors if key not in expected]
    shapes = [
        f"{key} is {tuple(tensor.shape)} in the checkpoint and {tuple(expected[key].shape)} in the "
        "network"
        for key, tensor in tensors.items()
        if key in expected and tensor.shape != expected[key].shape
    ]
    _refuse_mismatch(path, module, missing, unexpected, shapes)
    return tensors, notes


def _refuse_mismatch(
    path: Path, module: Any, missing: list[str], unexpected: list[str], shapes: list[str]
) -> None:
    problems = [
        *([f"{len(missing)} missing ({some_names(missing)})"] if missing else []),
        *([f"{len(unexpected)} unexpected ({some_names(unexpected)})"] if unexpected else []),
        *([f"{len(shapes)} of another shape ({some_names(shapes, 2)})"] if shapes else []),
    ]
    if problems:
        raise InputError(
            f"checkpoints: the keys of {path} do not match {type(module).__name__}: "
            f"{', '.join(problems)} of {len(module.state_dict())}"
        )


def load_transformers(kind: Any, config: Any, path: Path) -> Any:
    """Return a model of Hugging Face's transformers with the weights of a checkpoint.

    The library loads them, since it renames keys of earlier versions.

    Raises:
        InputError: as `load_weights`.
    """
    logging = optional_import("transformers", "huggingface", "a checkpoint of it").utils.logging
    tensors, _ = read_checkpoint(path)
    verbosity, shows_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        module, found = kind.from_pretrained(
            None, config=config, state_dict=tensors, output_loading_info=True,
            ignore_mismatched_sizes=True,
        )  # fmt: skip
    finally:
        logging.set_verbosity(verbosity)
        if shows_bar:
            logging.enable_progress_bar()
    shapes = [
        f"{key} is {tuple(stored)} in the checkpoint and {tuple(wanted)} in the network"
        for key, stored, wanted in sorted(found["mismatched_keys"])
    ]
    missing, unexpected = (sorted(found[f"{name}_keys"]) for name in ("missing", "unexpected"))
    _refuse_mismatch(path, module, missing, unexpected, shapes)
    return module


def _without_prefixes(
    tensors: dict[str, Any], expected: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Remove what wrappers have put before every key, unless the network has it too."""
    stripped = []
    while True:
        for prefix in PREFIXES:
            ours = any(key.startswith(prefix) for key in expected)
            if not ours and all(key.startswith(prefix) for key in tensors):
                tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
                stripped.append(prefix)
                break
        else:
            return tensors, stripped


def _tied(expected: Mapping[str, Any], missing: list[str], tensors: Mapping[str, Any]) -> list[str]:
    """Return the missing keys whose tensor is that of a key which is there."""
    there = {expected[key].data_ptr() for key in tensors if key in expected}
    return [key for key in missing if expected[key].data_ptr() in there]

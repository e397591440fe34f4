"""Runs that an earlier version trained on several CPU devices, whose accuracies can be wrong."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble_rsa.errors import InputError
from ensemble_rsa.runs.run_folder import EXTENDS, MANIFEST, RESTORE


class OldDevicesWarning(UserWarning):
    """A run was trained in a way that could give too low accuracies."""


def warn_of_old_devices(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Warn if the manifest of the run in `folder` says that instances of it were trained so.

    Raises:
        InputError: the manifest holds other kinds of values than `train` writes.
    """
    try:
        old = _is_old(manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder / MANIFEST}: not what `train` writes ({error}); {RESTORE}"
        ) from None
    if old:
        warnings.warn(
            f"{folder} was trained on several CPU devices by a version with which XLA computed "
            "wrong numbers now and then: its accuracies can be up to 0.03 too low "
            "(docs/explanation/cpu_devices.md)",
            OldDevicesWarning,
            stacklevel=3,
        )


def _is_old(manifest: Mapping[str, Any]) -> bool:
    """Whether the run, or the one that it extends, was; later versions record one key more."""
    if EXTENDS in manifest and _is_old(manifest[EXTENDS]["manifest"]):
        return True
    way, device = manifest.get("execution", {}), str(manifest.get("device", ""))
    several = device.startswith("cpu") and way.get("devices", 1) != 1
    return several and "loops_on_one_thread" not in way

"""A run folder on disk: its files, lock and manifest."""

import datetime
import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.arrays import readable
from ensemble_rsa.config.serialize import config_from_dict, config_hash, config_to_dict
from ensemble_rsa.config.settings import Config
from ensemble_rsa.device import device_name
from ensemble_rsa.errors import InputError
from ensemble_rsa.jax_settings import RANDOM_NUMBERS

VERSIONED = ("ensemble_rsa", "jax", "jaxlib", "flax", "optax", "numpy", "xarray", "h5py")
CONFIG, TRAINING, HISTORY, MANIFEST = "config.json", "training.json", "history.nc", "manifest.json"
RDMS, STORE, RESULTS, SUMMARY = "rdms.h5", "rdms.zarr", "results.nc", "summary.json"
FIGURES, REPORT, ANALYSIS = "figures", "report.html", "analysis.json"
EXTENDS = "extends"  # in a manifest: the run that this one extends
IMPORTED = "imported"  # the only key in the configuration of a run that was not trained here
LOCK = ".training.lock"
RESTORE = "restore it from a copy, or train again"


def create_run_folder(config: Config, out: str | Path | None) -> Path:
    """Create the folder of a new run and write its configuration.

    Without `out`, the folder is under `runs/`, named after data set, model and time.
    """
    folder = new_folder(out, f"{config.data.dataset.split(':')[0]}-{config.model.model}")
    if (shown := readable(str(folder.absolute()))) != str(folder.absolute()):
        raise InputError(
            f"out: expected a path in UTF-8, which checkpoints need, got {shown}; rename the "
            "folder or give another --out"
        )
    try:
        files.check_can_write("out", folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"out: cannot create {folder} ({files.reason(error)}); give another --out"
        ) from None
    try:
        files.write_json(folder / CONFIG, config_to_dict(config))
    except files.WriteError:
        discard_run_folder(folder)
        raise
    return folder


def new_folder(out: str | Path | None, name: str, begun: Sequence[str] = ()) -> Path:
    """Return a folder that is empty or does not exist: `out`, or `runs/NAME-TIME`.

    It may hold the lock of a training that was discarded. If it holds what has the first of the
    names `begun`, which is gone on with, it may also hold the others and what killed processes left
    of them.
    """
    if out is None:
        now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        out = Path("runs") / f"{name}-{now}"
    folder = files.as_path("out", out)
    names = {each.name for each in folder.iterdir()} - {LOCK} if folder.is_dir() else set()
    if begun and begun[0] in names:
        written = (*begun, CONFIG)
        scratch = {each for each in names if each[0] == "." and each.endswith(written)}
        names -= {*begun, *scratch}
    if folder.exists() and (not folder.is_dir() or names):
        raise InputError(f"out: {folder} exists and is not an empty folder; give another --out")
    return folder


def discard_run_folder(folder: Path) -> None:
    """Remove a run folder that holds nothing but what is known before training.

    Whoever calls this holds the lock of the folder, or no one trains in it yet.
    """
    # whoever trains has imported it
    from ensemble_rsa.training.grouping import KNOWN_BEFORE_TRAINING

    files_there = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    contents = {str(path) for path in files_there if not path.parts[0].startswith(".")}
    contents = {path for path in contents if Path(path).name not in KNOWN_BEFORE_TRAINING}
    if contents <= {CONFIG, MANIFEST}:
        shutil.rmtree(folder, ignore_errors=os.name == "nt")  # where a held lock cannot be removed


def has_begun(folder: Path) -> bool:
    """Whether training has begun in a run folder; if it has not, the folder is removed."""
    if (folder / MANIFEST).is_file():
        return True
    with lock_run_folder(folder):  # else another process is about to train in it
        if (folder / MANIFEST).is_file():
            return True
        discard_run_folder(folder)
        return False


@contextmanager
def lock_run_folder(folder: Path) -> Iterator[None]:
    """Lock a run folder, so that no second command trains its networks.

    The file of the lock stays until the run is finished.
    """
    held = (
        f"out: another process trains in {folder}; wait until it is done, or stop it and go on "
        "from there"
    )
    with files.locked(folder / LOCK, held):
        try:
            yield
        finally:
            if (folder / TRAINING).is_file():  # no one trains here again
                with suppress(OSError):
                    (folder / LOCK).unlink()


def read_config(folder: Path) -> Config:
    """Read the configuration of the run in `folder`."""
    if not (folder / CONFIG).is_file():
        what = "no such folder" if not folder.exists() else f"it holds no {CONFIG}"
        raise InputError(
            f"run: {folder} is not a run folder ({what}); give one that `ensemble-rsa train` "
            "or `import` wrote"
        )
    stored = read_record(folder / CONFIG)
    if IMPORTED in stored:
        raise InputError(
            f"run: {folder} was imported, and this needs a run that `ensemble-rsa train` wrote"
        )
    try:
        return config_from_dict(stored)
    except (TypeError, AttributeError, InputError) as error:
        raise InputError(
            f"{folder / CONFIG}: not what `train` writes ({error}); {RESTORE}"
        ) from None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of the run in `folder`."""
    manifest = read_record(folder / MANIFEST)
    if not isinstance(manifest.get("seconds"), dict):
        raise InputError(f"{folder / MANIFEST}: not what `train` writes; {RESTORE}")
    return manifest


def read_record(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds values by name; an `InputError` names a damaged one."""
    values = files.read_json(path, RESTORE)
    if not isinstance(values, dict):
        raise InputError(f"{path}: not what `train` writes; {RESTORE}")
    return values


def make_manifest(
    config: Config | None, seconds: dict[str, float], libraries: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the provenance of results: versions, commit, device, configuration hash, seconds.

    `libraries` are further ones whose versions are recorded.
    """
    return {
        "versions": {name: _version(name) for name in (*VERSIONED, *libraries)},
        "git_commit": _git_commit(),
        "device": device_name(),
        "random_numbers": RANDOM_NUMBERS,
        "config_hash": None if config is None else config_hash(config),
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Return the commit of the source tree that the package runs from; None if it is installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None

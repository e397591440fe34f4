"""Atomic writing of files and folders, reading with damage named, JSON, and the cache folder."""

import errno
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
import psutil
import xarray as xr

from ensemble_rsa.errors import InputError, RunError, shown

_HOST = socket.gethostname().replace("/", "_")


def as_path(argument: str, value: Any) -> Path:
    """The path that a caller gave; an `InputError` names the argument if it is none.

    >>> as_path("out", "runs/a").name
    'a'
    """
    is_path = isinstance(value, str | os.PathLike)
    text = os.fspath(value) if is_path else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise InputError(f"{argument}: expected the path of a file or folder, got {shown(value)}")
    return Path(text)


class WriteError(RunError, OSError):
    """A file or folder that cannot be written; its message names it."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path, renamed to `path` if the block succeeds, else removed.

    It has the same name, in a hidden folder beside `path`, which is removed with what else the
    block made there. What killed processes of this machine left of the same file goes too.

    Raises:
        WriteError: the block or the renaming raises an `OSError`, as on a full disk.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    scratch = path.with_name(f".{_HOST}-{os.getpid()}.{path.name}")
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{_HOST}-*.{path.name}"):
            process = left.name.removeprefix(f".{_HOST}-").partition(".")[0]
            if process.isdigit() and not psutil.pid_exists(int(process)):
                remove(left)
        yield scratch / path.name
        os.replace(scratch / path.name, path)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({reason(error)})") from error
    finally:
        remove(scratch)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, as `atomic_path` does for a file."""
    with atomic_path(path) as temporary:
        temporary.mkdir()
        yield temporary


@contextmanager
def locked(path: Path, held: str) -> Iterator[None]:
    """Hold the lock of this file within the block.

    The system releases the lock of a killed process. The file stays, since of three processes two
    could hold locks on files of the same name otherwise.

    Raises:
        RunError: another process holds it; `held` is the message.
        WriteError: the file cannot be written.
    """
    from filelock import FileLock, Timeout  # most commands lock nothing

    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(held) from None
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({reason(error)})") from error
    try:
        yield
    finally:
        lock.release()


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and can be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif path.is_symlink() or path.exists():
        path.unlink(missing_ok=True)


def reason(error: BaseException) -> str:
    """What the system said of a file, in a few words.

    >>> reason(OSError("Can't write data (errno = 28, message = 'No space left on device')"))
    'No space left on device'
    """
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    text = str(error)
    for number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EACCES, errno.EROFS):
        if os.strerror(number) in text:
            return os.strerror(number)
    return " ".join(text.partition("\n")[0].split()) or type(error).__name__


def check_can_write(argument: str, folder: Path) -> None:
    """Raise an `InputError` unless files can be made in a folder, which may still be missing."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{argument}: {there} is not a folder; give another --{argument}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{argument}: cannot write to {there}; give another --{argument}")


def write_json(path: Path, values: Any) -> None:
    """Write plain values as indented JSON."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    try:
        encoded = text.encode()
    except UnicodeEncodeError:  # names of files that are not UTF-8
        encoded = json.dumps(values, indent=2).encode()
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded + b"\n")


def read_json(path: Path, remedy: str = "") -> Any:
    """Read a JSON file; an `InputError` names one that is absent or damaged, and the remedy."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problem = "no such file"
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = f"expected JSON, but {error}"
    except OSError as error:
        problem = f"cannot be read ({reason(error)})"
    raise InputError(f"{path}: {problem}{remedy and f'; {remedy}'}")


def read_table(path: Path, remedy: str = "") -> dict[str, Any]:
    """Read a JSON file of names and values; an `InputError` names one that holds other things."""
    stored = read_json(path, remedy)
    if not isinstance(stored, dict):
        problem = f"expected a JSON object, got {shown(stored)}"
        raise InputError(f"{path}: {problem}{remedy and f'; {remedy}'}")
    return stored


def check_room(argument: str, folder: Path, needed: int, what: str, remedy: str) -> None:
    """Raise a `RunError` if the disk of a folder has fewer bytes free than `what` needs."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RunError(
            f"{argument}: {folder} has {free / 1e9:.1f} GB free, and {what} {needed / 1e9:.1f} GB; "
            f"make room, {remedy}"
        )


def check_space(folder: Path, needed: int) -> None:
    """Raise an `OSError` unless a file of so many bytes can be made in a folder now.

    Where the system can reserve space, quotas and limits of a file's size count too.
    """
    if not hasattr(os, "posix_fallocate"):
        if shutil.disk_usage(folder).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return
    with tempfile.TemporaryFile(dir=folder) as reserved:
        os.posix_fallocate(reserved.fileno(), 0, needed)


def cache_folder() -> Path:
    """The folder for measurements, decoded images and compiled programs.

    An account without a home has it among the temporary files.
    """
    try:
        return platformdirs.user_cache_path("ensemble_rsa")
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "ensemble_rsa"


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a data set as netCDF, readable by `xarray.open_dataset`.

    HDF5 makes it in memory, since it ends the process (with SIGSEGV) where a disk is full.
    """
    content = dataset.to_netcdf(engine="h5netcdf")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def read_dataset(path: Path, remedy: str) -> xr.Dataset:
    """Read a netCDF file into memory; an `InputError` names a damaged or locked one."""
    try:
        with xr.open_dataset(path, engine="h5netcdf") as stored:
            return stored.load()
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise unreadable(path, error, remedy) from None


def unreadable(path: Path, error: Exception, remedy: str) -> InputError:
    """The error for an HDF5 file that cannot be read: absent, locked or damaged."""
    text = str(error)
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: no such file; {remedy}")
    if isinstance(error, BlockingIOError) or "unable to lock file" in text:
        return InputError(
            f"{path}: another program has it open for writing; close it there, or wait"
        )
    if isinstance(error, PermissionError | IsADirectoryError):
        return InputError(f"{path}: cannot be read ({reason(error)})")
    return InputError(f"{path}: damaged, or no HDF5 file ({reason(error)}); {remedy}")

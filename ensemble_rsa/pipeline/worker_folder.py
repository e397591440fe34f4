"""What workers need besides the package: the run folder under the same path, and a user's files."""

import os
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from ensemble_rsa import files
from ensemble_rsa.errors import RunError
from ensemble_rsa.models.by_name import function_by_name

SCHEMES = ("timm", "torchvision", "hf")  # of networks that libraries build
TOKEN = ".token-"
SECONDS_TO_SEE = 60.0  # ours: network file systems are slow to show a new file


@dataclass(frozen=True)
class SharedFolder:
    """A folder with a token, by which workers know that they see the same one."""

    path: Path
    token: str

    @property
    def file(self) -> Path:
        """The file of the token."""
        return self.path / f"{TOKEN}{self.token}"


@contextmanager
def shared_folder(path: Path) -> Iterator[SharedFolder]:
    """Put a token into a folder, which this process has locked, while workers use it."""
    shared = SharedFolder(path.resolve(), uuid.uuid4().hex)
    for left in shared.path.glob(f"{TOKEN}*"):  # by a process that was killed
        with suppress(OSError):
            left.unlink()
    try:
        shared.file.write_text(shared.token, encoding="utf-8")
    except OSError as error:
        raise files.WriteError(
            f"{shared.path}: cannot be written ({files.reason(error)})"
        ) from error
    try:
        yield shared
    finally:
        with suppress(OSError):
            shared.file.unlink(missing_ok=True)


def check_shared(shared: SharedFolder, seconds: float = SECONDS_TO_SEE) -> None:
    """Raise a `RunError` unless this process sees the folder and can write to it."""
    until = time.monotonic() + seconds
    while not shared.file.is_file():
        if time.monotonic() > until:
            raise RunError(
                f"it does not see the folder {shared.path} of this run; give an --out on a disk "
                "that all workers see under the same path"
            )
        time.sleep(0.2)
    own = shared.file.with_name(f"{shared.file.name}-{socket.gethostname()}-{os.getpid()}")
    try:
        own.touch()
    except OSError as error:
        reason = files.reason(error)
        raise RunError(
            f"it cannot write to the folder {shared.path} of this run ({reason})"
        ) from None
    with suppress(OSError):
        own.unlink()


@dataclass(frozen=True)
class Carried:
    """A function or class of a user's file, which travels to the workers.

    `name` is `module:function` or `file.py:function`; `path` and `text` are those of its file, None
    for one of an installed package, which the workers need too.
    """

    name: str
    path: str | None = None
    text: str | None = None

    def here(self) -> str:
        """The name by which it is found here.

        Where the file is not there, or says something else, the copy that travelled is used.
        """
        if self.path is None or self.text is None:
            return self.name
        attribute, there = self.name.rpartition(":")[2], Path(self.path)
        with suppress(OSError, UnicodeDecodeError):
            if there.read_text(encoding="utf-8") == self.text:
                return f"{there}:{attribute}"
        return f"{_copy(there.name, self.text)}:{attribute}"


def carried(argument: str, name: str) -> Carried:
    """What travels for a name; only the name itself if it is not one of a function in a file."""
    where, _, attribute = name.rpartition(":")
    if not where or not attribute.isidentifier() or where in SCHEMES:
        return Carried(name)
    file = function_by_name(argument, name)[1]
    if file is None or not (where.endswith(".py") or where in ("__main__", file.stem)):
        return Carried(name)
    return Carried(name, str(file), file.read_text(encoding="utf-8"))


@lru_cache(maxsize=4)
def _copy(name: str, text: str) -> Path:
    path = Path(tempfile.mkdtemp(dir=_copies().name)) / name
    path.write_text(text, encoding="utf-8")
    return path


@cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    """The folder of all copies of this process, which is removed when it ends."""
    return tempfile.TemporaryDirectory(prefix="ensemble_rsa-")

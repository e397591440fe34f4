"""Where a benchmark's figures go."""

import datetime
import tempfile
from pathlib import Path

from ensemble_rsa.errors import InputError


def new_json_path(name: str, out: str | Path | None) -> Path:
    """The file that results will be written to, known to be possible before the long work.

    Args:
        name: of the benchmark; part of the file's name.
        out: the file; None for a new one under `runs/`.

    Raises:
        InputError: the file exists, or its folder cannot be written to.

    >>> new_json_path("bench", Path(tempfile.mkdtemp()) / "new" / "a.json").name
    'a.json'
    """
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    path = Path("runs") / f"{name}-{now}.json" if out is None else Path(out)
    if path.exists():
        raise InputError(f"out: {path} exists; give another --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(
            f"out: cannot write to {path.parent} ({error.strerror}); give another --out"
        ) from None
    return path

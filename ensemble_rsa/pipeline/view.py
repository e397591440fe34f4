"""Which page shows the results in a folder."""

from pathlib import Path

from ensemble_rsa import files
from ensemble_rsa.errors import InputError
from ensemble_rsa.pipeline.compare import COMPARISON
from ensemble_rsa.pipeline.evaluations import EVALUATION
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.imported import is_imported

PAGES = (run_folder.REPORT, f"{COMPARISON}.html", f"{EVALUATION}.html")


def page_of(place: str | Path) -> Path:
    """Return the page of a run, a comparison, an evaluation or a reproduction; or a page itself.

    Raises:
        InputError: nothing there, or a folder without a page; the message says which command makes
            it.
    """
    path = files.as_path("run", place)
    if path.is_file():
        if path.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"run: expected a folder of results, or a page (.html), got {path}")
        return path
    if not path.is_dir():
        raise InputError(f"run: no such file or folder: {path}")
    found = next((path / name for name in PAGES if (path / name).is_file()), None)
    if found is None:
        raise InputError(f"run: {path} holds no page; {_what_makes_one(path)}")
    return found


def _what_makes_one(folder: Path) -> str:
    if (folder / run_folder.RESULTS).is_file():
        return f"run `ensemble-rsa report {folder}`"
    if (folder / run_folder.CONFIG).is_file():
        if is_imported(folder) or (folder / run_folder.TRAINING).is_file():
            return f"run `ensemble-rsa analyze {folder}`"
        return f"continue its training with `ensemble-rsa train --resume --out {folder}`"
    return "`ensemble-rsa analyze`, `compare`, `evaluate` and `reproduce` write one"

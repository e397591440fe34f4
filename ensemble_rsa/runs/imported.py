"""Runs whose networks or activations were made elsewhere, and a function that opens any run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.errors import InputError
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.run import Run, load_run
from ensemble_rsa.runs.source_files import SourceFile

EXTRACTED = "extracted.nc"
IMPORT = "import it again"


@dataclass(frozen=True, eq=False)
class ImportedRun:
    """An imported run folder.

    Attributes:
        path: the run folder.
        recipe: what the activations can be read or computed from again; None for activations that
            were only in memory.
        files: the files that they came from, with size and hash.
        findings: on the networks and activations, as plain values (see `hygiene.finding`).
    """

    path: Path
    recipe: Mapping[str, Any] | None
    files: tuple[SourceFile, ...]
    findings: Sequence[Mapping[str, Any]]


def open_run(path: str | Path) -> Run | ImportedRun:
    """Open a run folder that `train` or `import_run` wrote.

    Raises:
        InputError: not a run folder, an unfinished training, or a damaged folder.
    """
    folder = files.as_path("run", path)
    if not is_imported(folder):
        return load_run(folder)
    manifest = files.read_json(folder / run_folder.MANIFEST, IMPORT)
    recipe = files.read_json(folder / run_folder.CONFIG, IMPORT)[run_folder.IMPORTED]
    try:
        described = tuple(SourceFile(**one) for one in manifest["files"])
        return ImportedRun(folder, recipe, described, manifest["findings"])
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{folder / run_folder.MANIFEST}: not what `import` writes ({error}); {IMPORT}"
        ) from None


def is_imported(folder: Path) -> bool:
    """Whether a folder is a run that was imported."""
    config = folder / run_folder.CONFIG
    return config.is_file() and run_folder.IMPORTED in run_folder.read_record(config)

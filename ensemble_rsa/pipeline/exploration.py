"""What a run folder keeps for the explorer of its report: RDMs, and thumbnails of the stimuli."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_rsa.files import atomic_path
from ensemble_rsa.interop.rsatoolbox import load_rdms
from ensemble_rsa.report.explorer import Explored
from ensemble_rsa.report.explorer_thumbnails import THUMBNAILS, read_thumbnails, write_thumbnails
from ensemble_rsa.runs import run_folder


def keep_thumbnails(
    folder: Path,
    of_run: Path,
    stimuli: Sequence[Any] | np.ndarray,
    images: Callable[[], Iterable[np.ndarray]] | None,
) -> None:
    """Have thumbnails of these stimuli in a folder: those it has, the run's, or those of images.

    Without images, none are made.
    """
    for kept in (folder / THUMBNAILS, of_run / THUMBNAILS):
        if read_thumbnails(kept, stimuli) is not None:
            if kept.parent != folder:
                with atomic_path(folder / THUMBNAILS) as partial:
                    shutil.copyfile(kept, partial)
            return
    if images is not None:
        write_thumbnails(folder / THUMBNAILS, list(stimuli), images())


def stored_exploration(folder: Path) -> Explored | None:
    """Return the RDMs and thumbnails that a folder keeps; None where it has no RDMs."""
    if not (folder / run_folder.RDMS).is_file():
        return None
    rdms = load_rdms(folder / run_folder.RDMS)
    stimuli = rdms.stimulus.values if "stimulus" in rdms.coords else []
    return Explored(rdms, read_thumbnails(folder / THUMBNAILS, stimuli) if len(stimuli) else None)

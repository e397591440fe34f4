"""What a run folder keeps for the explorer of its report: RDMs, and thumbnails of the stimuli.

RDMs of earlier epochs are computed for the explorer alone, where a run kept their networks.
"""

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import RunError
from ensemble_rsa.interop.rsatoolbox import load_rdms
from ensemble_rsa.pipeline.extract import extract, sources_of_epochs
from ensemble_rsa.report.explorer import Explored
from ensemble_rsa.report.explorer_thumbnails import THUMBNAILS, read_thumbnails, write_thumbnails
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.run import Run, kept_epochs

EARLIER = "epochs.nc"
_STIMULI, _EPOCHS = 200, 6  # at most, of earlier epochs (ours)


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
                with files.atomic_path(folder / THUMBNAILS) as partial:
                    shutil.copyfile(kept, partial)
            return
    if images is not None:
        write_thumbnails(folder / THUMBNAILS, list(stimuli), images())


def keep_earlier(folder: Path, run: Run, rdms: xr.Dataset, settings: AnalysisConfig) -> None:
    """Write RDMs of the epochs that a run kept, of 200 stimuli at most and six epochs.

    They are balanced over categories, and over the epochs. Networks that cannot be compared at an
    epoch leave it out. None are written for the networks of an epoch, for those shown with dropout,
    and for more than 200 categories; those of an earlier analysis are removed.
    """
    path, last = folder / EARLIER, run.config.training.epochs
    files.remove(path)
    epochs = [epoch for epoch in kept_epochs(run) if epoch < last]
    n_categories = len(np.unique(rdms.category.values))
    is_end = settings.rdm.epoch is None and settings.rdm.dropout_sample is None
    if not epochs or not is_end or n_categories > _STIMULI:
        return
    n_stimuli = min(rdms.sizes["stimulus"], _STIMULI - _STIMULI % n_categories)
    stimulus = dataclasses.replace(settings.stimulus, stimuli=n_stimuli)
    few = dataclasses.replace(settings, stimulus=stimulus)
    places = np.unique(np.linspace(0, len(epochs) - 1, _EPOCHS).round().astype(int))
    chosen = [epochs[place] for place in places]
    instances, stimuli, found = rdms.instance.values, (), {}
    for epoch, source in zip(chosen, sources_of_epochs(run, few, chosen), strict=True):
        try:
            then = extract(source, settings=few)
        except RunError:  # no network can be compared at this epoch
            continue
        stimuli = source.stimuli
        if set(instances) <= set(then.instance.values):
            found[epoch] = then.sel(instance=instances).exemplar.values
    if found:
        dims = ("epoch", "layer", "instance", "stimulus_pair")
        coords = {"epoch": list(found), "layer": rdms.layer.values, "instance": instances}
        stack = xr.Dataset({"exemplar": (dims, np.stack(list(found.values())))}, coords)
        files.write_dataset(path, stack.assign_coords(stimulus=list(stimuli)))


def stored_exploration(folder: Path) -> Explored | None:
    """Return the RDMs and thumbnails that a folder keeps; None where it has no RDMs."""
    if not (folder / run_folder.RDMS).is_file():
        return None
    rdms = load_rdms(folder / run_folder.RDMS)
    stimuli = rdms.stimulus.values if "stimulus" in rdms.coords else []
    thumbnails = read_thumbnails(folder / THUMBNAILS, stimuli) if len(stimuli) else None
    path = folder / EARLIER
    earlier = files.read_dataset(path, "analyze again") if path.is_file() else None
    return Explored(rdms, thumbnails, earlier)

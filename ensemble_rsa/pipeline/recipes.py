"""Activations of imported runs, read or computed again as their recipes say."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.arrays import check_labels
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.data.stimuli import balanced_stimuli
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.rows import with_stimuli
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.extraction.stored import open_rdms
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.imported import EXTRACTED, IMPORT, ImportedRun
from ensemble_rsa.runs.source_files import check_unchanged
from ensemble_rsa.store.reader import RdmStore

# The "reader" of a recipe → the function that takes its "arguments", imported on first use.
READERS = {
    "run": ("ensemble_rsa.pipeline.extract", "source_of_run"),  # one that was trained or imported
    "files": ("ensemble_rsa.interop.activation_files.source", "from_files"),
    "networks": ("ensemble_rsa.interop.networks.source", "from_networks"),
}
OF_TRAINING = ("epoch", "dropout_sample", "stimulus_map")


def open_recipe(recipe: Mapping[str, Any]) -> ActivationSource:
    """Return the source that a recipe describes."""
    try:
        module, name = READERS[recipe["reader"]]
        arguments = dict(recipe["arguments"])
    except (KeyError, TypeError):
        raise InputError(
            f"recipe: expected a reader ({', '.join(READERS)}) and its arguments, got {recipe!r}"
        ) from None
    reader: Callable[..., ActivationSource] = getattr(import_module(module), name)
    return reader(**arguments)


def source_of_import(run: ImportedRun, settings: AnalysisConfig) -> ActivationSource:
    """Return the activations of an imported run, for the stimuli that the settings ask for.

    Raises:
        InputError: files that have changed since the import or are gone; activations that were
            only in memory; settings that only a trained run can follow.
    """
    _check_settings(settings)
    if run.recipe is None:
        raise InputError(
            f"run: {run.path} was imported from objects in memory, so other RDMs than those stored "
            "cannot be computed; import it again with these settings"
        )
    check_unchanged(run.files)
    return _shown(open_recipe(run.recipe), settings)


def stored_rdms(run: ImportedRun, settings: AnalysisConfig) -> xr.Dataset | RdmStore | None:
    """Return the RDMs that were computed at the import, if they are those that settings ask for."""
    _check_settings(settings)
    if (run.path / EXTRACTED).is_file() or not (run.path / run_folder.STORE).exists():
        found = rdms = files.read_dataset(run.path / EXTRACTED, IMPORT)
    else:
        found = open_rdms(run.path / run_folder.STORE)
        rdms = found.dataset
    wanted = settings.stimulus.stimuli
    same = (
        rdms.attrs["distance"] == settings.rdm.distance
        and bool(rdms.attrs["cocktail_blank"]) == settings.rdm.cocktail_blank
        and wanted in (None, rdms.sizes["stimulus"])
    )
    return found if same else None


def _check_settings(settings: AnalysisConfig) -> None:
    given = {**vars(settings.stimulus), **vars(settings.rdm)}
    for name in OF_TRAINING:
        if given[name] is not None:
            raise InputError(
                f"{name}: expected none for an imported run, got {given[name]!r}; only networks "
                "that were trained here can be shown other images, or at another state"
            )


def _shown(source: ActivationSource, settings: AnalysisConfig) -> ActivationSource:
    """Return the source with as many stimuli as wanted, balanced over categories."""
    if settings.stimulus.stimuli in (None, len(source.stimuli)):
        return source
    codes, names = check_labels("labels", source.categories, len(source.stimuli))
    categories = tuple(str(name) for name in names)
    return with_stimuli(source, np.asarray(balanced_stimuli(codes, categories, settings.stimulus)))

"""Checks of networks and activations, run by every import and every analysis of a run."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.analysis import AnalysisConfig, checked_settings
from ensemble_rsa.config.sweep import SWEPT
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.collect import RdmProgress
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.hygiene.accuracy import check_accuracy
from ensemble_rsa.hygiene.finding import Finding, ordered, refuse
from ensemble_rsa.hygiene.forward import check_forward
from ensemble_rsa.hygiene.representations import check_rdms
from ensemble_rsa.hygiene.stored import check_stored
from ensemble_rsa.hygiene.tensors import sketch_weights
from ensemble_rsa.hygiene.units import UnitWatch
from ensemble_rsa.hygiene.weights import check_seeds, check_weights
from ensemble_rsa.pipeline.extract import compute_rdms, source_of
from ensemble_rsa.runs.imported import IMPORT, ImportedRun, open_run
from ensemble_rsa.runs.run import Run
from ensemble_rsa.runs.run_folder import MANIFEST
from ensemble_rsa.store.reader import RdmStore


def check_networks(
    source: ActivationSource | Run | ImportedRun | str | Path,
    settings: AnalysisConfig | None = None,
    progress: RdmProgress | None = None,
) -> list[Finding]:
    """Return findings on weights and activations, the most severe ones first.

    Weights are compared between instances and with those of untrained networks; forward passes are
    repeated; and activations are searched for dead units, equal layers, outliers and repeated
    stimuli. `import_run` and `analyze_run` do this by themselves.

    Args:
        source: what `from_files` or `from_networks` returned, or a run. For an imported run, the
            findings of the import are returned.
        settings: distance and, for a run, stimuli of the RDMs that are checked.
        progress: called with the number of RDMs done and of all.

    Raises:
        InputError: neither a source nor a run.

    >>> import ensemble_rsa as ersa, numpy as np
    >>> same = lambda images: {"all": images}
    >>> images = np.random.default_rng(0).normal(size=(6, 20))
    >>> [finding.message for finding in check_networks(ersa.from_networks([same, same], images))]
    ['has the RDMs of instance 0 in all layers; leave one out']
    """
    settings = checked_settings(settings)
    if isinstance(source, str | Path):
        source = open_run(source)
    if isinstance(source, ImportedRun):
        return stored_findings(source)
    if isinstance(source, Run):
        return extract_run(source, source_of(source, settings), settings, progress)[1]
    if not isinstance(source, ActivationSource):
        raise InputError(
            "source: expected what from_files or from_networks returns, or a run, got "
            f"{type(source).__name__}"
        )
    return ordered([*check_source(source), *_extract(source, settings, progress)[1]])


def check_source(source: ActivationSource) -> list[Finding]:
    """Return what is found before RDMs are computed: notes, seeds, weights, forward passes."""
    notes = [Finding("note", None, None, note) for note in source.notes]
    return [*check_seeds(source), *_check_each(source), *notes]


def _check_each(source: ActivationSource) -> list[Finding]:
    """Findings on weights and forward passes; each network is opened once for both."""
    sketches, passes = [], []
    for position in range(len(source.instances)):
        if source.weights is not None:
            sketches.append(sketch_weights(source.weights(position)))
        passes += check_forward(source, position)
    return [*(check_weights(source.instances, sketches) if sketches else []), *passes]


def extract_source(
    source: ActivationSource,
    settings: AnalysisConfig,
    progress: RdmProgress | None,
    store: Path | None = None,
    workers: Workers | None = None,
) -> tuple[xr.Dataset | RdmStore, list[Finding]]:
    """Return the RDMs of a source that is imported, and the findings on it.

    RDMs are written to `store`, if it is given.

    Raises:
        InputError: a finding that stops the import, before RDMs are computed if possible.
    """
    before = check_source(source)
    refuse(before)
    rdms, after = _extract(source, settings, progress, store, workers)
    refuse(after)
    return rdms, ordered([*before, *after])


def extract_run(
    run: Run | ImportedRun,
    source: ActivationSource,
    settings: AnalysisConfig,
    progress: RdmProgress | None,
    store: Path | None = None,
    workers: Workers | None = None,
) -> tuple[xr.Dataset | RdmStore, list[Finding]]:
    """Return the RDMs of a run, whose `source_of` is given, and the findings on them.

    Findings of an import are kept, unless they are found again with other numbers. RDMs are written
    to `store`, if it is given.
    """
    if isinstance(run, ImportedRun):
        rdms, after = _extract(source, settings, progress, store, workers)
        again = {_without_numbers(one) for one in after}
        kept = [one for one in stored_findings(run) if _without_numbers(one) not in again]
        return rdms, ordered([*kept, *after])
    swept = any(isinstance(getattr(run.config.training, name), tuple) for name in SWEPT)
    before = [*check_seeds(source, by_design=swept), *_check_each(source)]
    rdms, after = _extract(source, settings, progress, store, workers)
    dataset = rdms.dataset if isinstance(rdms, RdmStore) else rdms
    accuracy = _accuracy_findings(run, dataset, len(source.stimuli))
    return rdms, ordered([*before, *accuracy, *after])


def stored_findings(run: ImportedRun) -> list[Finding]:
    """Return the findings of an import."""
    names = [field.name for field in dataclasses.fields(Finding)]
    try:
        return [Finding(*(record[name] for name in names)) for record in run.findings]
    except (KeyError, TypeError):
        raise InputError(
            f"{run.path / MANIFEST}: its findings are not what `import` writes; {IMPORT}"
        ) from None


def _without_numbers(finding: Finding) -> Finding:
    return dataclasses.replace(finding, message=re.sub(r"[\d.]+", "", finding.message))


def _extract(
    source: ActivationSource,
    settings: AnalysisConfig,
    progress: RdmProgress | None,
    store: Path | None = None,
    workers: Workers | None = None,
) -> tuple[xr.Dataset | RdmStore, Sequence[Finding]]:
    watch = UnitWatch(source)
    layers = watch.source.layers
    rdms = compute_rdms(watch.source, layers, settings, progress, store, workers, watch)
    found = check_stored(rdms) if isinstance(rdms, RdmStore) else check_rdms(rdms)
    return rdms, [*found, *watch.findings()]


def _accuracy_findings(run: Run, rdms: xr.Dataset, n_stimuli: int) -> list[Finding]:
    """Findings on the stored accuracies, where they are those of the networks that were shown."""
    if "test_accuracy" not in rdms:
        return []
    names, accuracy = rdms.instance.values.tolist(), rdms.test_accuracy.values.tolist()
    # of all test images where their number is not in the settings; the stimuli are some of them
    n_images = run.config.data.test_images or n_stimuli
    return check_accuracy(names, accuracy, len(run.categories), n_images)

"""Analysis of RDMs, and of a whole run with its files, figures and report."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.arrays.refused import not_an_array
from ensemble_rsa.cluster.opening import gpus_shared, opened
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.analysis import AnalysisConfig, checked_settings
from ensemble_rsa.config.serialize import config_to_dict
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.collect import RdmProgress
from ensemble_rsa.extraction.stored import needs_store
from ensemble_rsa.figures.save import figure_names, save_figures
from ensemble_rsa.interop.rsatoolbox import save_rdms
from ensemble_rsa.pipeline.check import extract_run, stored_findings
from ensemble_rsa.pipeline.evaluations import stored_evaluations
from ensemble_rsa.pipeline.exploration import keep_earlier, keep_thumbnails, stored_exploration
from ensemble_rsa.pipeline.extract import source_of
from ensemble_rsa.pipeline.recipes import stored_rdms
from ensemble_rsa.pipeline.reference import kept_attributes
from ensemble_rsa.pipeline.results import results_dataset
from ensemble_rsa.report.report import write_report
from ensemble_rsa.runs.imported import ImportedRun, open_run
from ensemble_rsa.runs.run import Run, load_history, run_folder
from ensemble_rsa.runs.set_aside import set_aside
from ensemble_rsa.runs.summary import summarize
from ensemble_rsa.store.reader import RdmStore, is_begun

ANALYZE = "run `ensemble-rsa analyze` again"


def analyze(rdms: xr.Dataset | RdmStore, settings: AnalysisConfig | None = None) -> xr.Dataset:
    """Compute consistency, category clustering, second-level distances and MDS embeddings of RDMs.

    Args:
        rdms: what `extract` returned, or `load_rdms` for a file with an RDM of each layer and
            instance. Consistency needs two instances; it is absent where there is one. Stimuli of
            an `RdmStore` are embedded by landmarks.
        settings: resamples, confidence and seed.

    Returns:
        A data set with named axes; every variable and attribute is described in
        `ensemble_rsa.pipeline.results`.

    Raises:
        InputError: no RDMs over layers and instances.

    >>> import numpy as np
    >>> from ensemble_rsa.pipeline.extract import extract
    >>> rng = np.random.default_rng(0)
    >>> rdms = extract({"V1": rng.normal(size=(3, 6, 50))}, labels=list("aabbcc"))
    >>> results = analyze(rdms, AnalysisConfig.of(n_resamples=100))
    >>> dict(results.consistency.sizes)
    {'kind': 3, 'layer': 1, 'instance_pair': 3}
    """
    expected = {"layer", "instance", "stimulus_pair"}
    if isinstance(rdms, RdmStore):
        return results_dataset(rdms, checked_settings(settings).statistics)
    if not isinstance(rdms, xr.Dataset) or set(getattr(rdms, "exemplar", rdms).dims) != expected:
        raise InputError(
            "rdms: expected what `extract` returns, with `exemplar (layer, instance, "
            f"stimulus_pair)`, got {not_an_array(rdms) or type(rdms).__name__}"
        )
    settings = checked_settings(settings)
    return results_dataset(rdms, settings.statistics)


def analyze_run(
    path: str | Path,
    settings: AnalysisConfig | None = None,
    out: str | Path | None = None,
    progress: RdmProgress | None = None,
    store: bool | None = None,
    cluster: str | Workers | None = None,
) -> Path:
    """Extract, analyse, draw and report a trained or imported run.

    Args:
        path: the run folder.
        settings: distance, stimuli and bootstrap.
        out: where results are written; None for the run folder itself.
        progress: called with the number of RDMs done and of all.
        store: write RDMs that are not stored yet to a store on disk, `rdms.zarr` where the results
            are, instead of `rdms.h5`; None for those that exceed a quarter of the free memory, and
            where such a store was begun.
        cluster: computes RDMs on the workers of a cluster of Dask, as the flag `--cluster` says;
            all need the run folder and the images under the same paths.

    Returns:
        The report, `report.html`.

    Raises:
        InputError: no run folder, or impossible settings.
        RunError: no instance has RDMs that can be compared.
    """
    run, settings = open_run(path), checked_settings(settings)
    folder = files.as_path("out", out) if out is not None else run.path
    files.check_can_write("out", folder)
    manifest = run_folder.read_manifest(run.path)
    seconds = manifest["seconds"]
    with _timed(seconds, "extract"), gpus_shared(cluster):
        stored = stored_rdms(run, settings) if isinstance(run, ImportedRun) else None
        if isinstance(run, ImportedRun) and stored is not None:
            if store and not isinstance(stored, RdmStore):
                raise InputError(
                    f"store: expected a run that was imported with --store, got {run.path}, whose "
                    "RDMs are in a file already"
                )
            rdms, findings, images = stored, stored_findings(run), None
        else:
            source = source_of(run, settings)
            store_path = folder / run_folder.STORE
            is_stored = store or (
                store is None and (is_begun(store_path) or needs_store(source, len(source.layers)))
            )
            at = store_path if is_stored else None
            with opened(cluster) as workers:  # which may wait in a queue
                rdms, findings = extract_run(run, source, settings, progress, at, workers)
            images = source.images
    with _timed(seconds, "analyze"):
        results = analyze(rdms, settings)
    dataset = rdms.dataset if isinstance(rdms, RdmStore) else rdms
    if isinstance(rdms, RdmStore):
        files.remove(folder / run_folder.RDMS)  # of an earlier analysis
    else:
        rdms.attrs = kept_attributes(rdms, isinstance(run, ImportedRun))
        save_rdms(folder / run_folder.RDMS, rdms)
    files.write_dataset(folder / run_folder.RESULTS, results)
    files.write_json(folder / run_folder.ANALYSIS, config_to_dict(settings))
    records = [finding.as_record() for finding in findings]
    files.write_json(folder / run_folder.SUMMARY, summarize(results, seconds, records))
    keep_thumbnails(folder, run.path, dataset.stimulus.values, images)
    if not isinstance(run, ImportedRun):
        keep_earlier(folder, run, dataset, settings)
    # The entries of training or import stay unchanged, since it may have run elsewhere.
    config = None if isinstance(run, ImportedRun) else run.config
    manifest["analysis"] = run_folder.make_manifest(config, {})
    return draw_report(run, folder, results, manifest)


def rewrite_report(path: Path) -> Path:
    """Write the report of an analysed run again; its figures are drawn only if some are missing.

    Raises:
        InputError: no run, or a file that is missing or damaged.
    """
    run = open_run(path)
    results = files.read_dataset(path / run_folder.RESULTS, ANALYZE)
    history = None if isinstance(run, ImportedRun) else load_history(run)
    folder = path / run_folder.FIGURES
    figures = [folder / f"{name}.png" for name in figure_names(results, history)]
    if not all(file.is_file() for file in figures):
        return redraw(path)
    manifest = run_folder.read_manifest(path)
    return _report(run, path, results, history, manifest, figures, *_records(path))


def redraw(path: str | Path, out: str | Path | None = None) -> Path:
    """Draw figures and report of an analysed run again; its results are in `out`, or in the run."""
    run = open_run(path)
    folder = files.as_path("out", out) if out is not None else run.path
    if not (folder / run_folder.RESULTS).is_file():
        raise InputError(
            f"run: {folder} holds no {run_folder.RESULTS}; "
            f"run `ensemble-rsa analyze {run.path}` first"
        )
    results = files.read_dataset(folder / run_folder.RESULTS, ANALYZE)
    return draw_report(run, folder, results, run_folder.read_manifest(folder))


def draw_report(
    run: Run | ImportedRun, folder: Path, results: xr.Dataset, manifest: dict[str, Any]
) -> Path:
    """Write figures, `report.html` and `manifest.json` of analysed results."""
    history = None if isinstance(run, ImportedRun) else load_history(run)
    records = _records(folder)  # before anything is drawn
    noted = [*set_aside(results, "flagged"), *set_aside(results, "excluded")]
    with _timed(manifest["seconds"], "figures"):
        figures = save_figures(results, history, folder / run_folder.FIGURES, noted)
    files.write_json(folder / run_folder.MANIFEST, manifest)
    return _report(run, folder, results, history, manifest, figures, *records)


def _records(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary of an analysis, and its settings."""
    summary = files.read_json(folder / run_folder.SUMMARY, ANALYZE)
    return summary, files.read_json(folder / run_folder.ANALYSIS, ANALYZE)


def _report(
    run: Run | ImportedRun,
    folder: Path,
    results: xr.Dataset,
    history: xr.Dataset | None,
    manifest: dict[str, Any],
    figures: Sequence[Path],
    summary: dict[str, Any],
    analysis: dict[str, Any],
) -> Path:
    imported = isinstance(run, ImportedRun)
    settings: dict[str, Any] = (
        {run_folder.IMPORTED: run.recipe} if imported else config_to_dict(run.config)
    )
    settings["analysis"] = analysis
    return write_report(
        folder / run_folder.REPORT,
        results,
        history,
        summary,
        manifest,
        settings,
        figures,
        excluded=[*set_aside(results, "excluded"), *set_aside(results, "replaced")],
        flagged=set_aside(results, "flagged"),
        evaluations=stored_evaluations(folder),
        explored=stored_exploration(folder),
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - began, 2)

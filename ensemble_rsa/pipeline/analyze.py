"""The stages of the main job with their files: what the command line and the scripts call."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.config.serialize import config_to_dict
from ensemble_rsa.config.settings import AnalysisConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.collect import Progress
from ensemble_rsa.figures.save import save_figures
from ensemble_rsa.files import write_dataset
from ensemble_rsa.interop.rsatoolbox import save_rdms
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.pipeline.results import results_dataset
from ensemble_rsa.report.report import write_report
from ensemble_rsa.runs.run import Run, load_history, load_run, run_folder
from ensemble_rsa.runs.summary import summarize

ANALYSIS = "analysis.json"


def analyze(rdms: xr.Dataset, settings: AnalysisConfig | None = None) -> xr.Dataset:
    """Consistency, clustering, second-level distances and pictures' coordinates of a stack of RDMs.

    Args:
        rdms: what `extract` returned.
        settings: resamples, confidence and seed.

    Returns:
        A data set with named axes; every variable and attribute is described in
        `ensemble_rsa.pipeline.results`.

    Raises:
        InputError: no RDM stack.

    >>> rng = np.random.default_rng(0)
    >>> rdms = extract({"V1": rng.normal(size=(3, 6, 50))}, labels=list("aabbcc"))
    >>> results = analyze(rdms, AnalysisConfig.of(n_resamples=100))
    >>> dict(results.consistency.sizes)
    {'kind': 3, 'layer': 1, 'instance_pair': 3}
    """
    if "exemplar" not in getattr(rdms, "variables", ()):
        raise InputError("rdms: expected what `extract` returns, with RDMs named 'exemplar'")
    return results_dataset(rdms, (settings or AnalysisConfig()).statistics)


def analyze_run(
    path: str | Path,
    settings: AnalysisConfig,
    out: str | Path | None = None,
    report: Progress | None = None,
) -> Path:
    """Extract, analyse, draw and report a trained run.

    Args:
        path: the run folder.
        settings: distance, stimuli and bootstrap.
        out: where results go; None for the run folder itself.
        report: called with the number of RDMs done and of all.

    Returns:
        The report, `report.html`.

    Raises:
        InputError: no run folder, or impossible settings.
        RunError: fewer than two instances can be compared.
    """
    run = load_run(path)
    folder = Path(out) if out is not None else run.path
    manifest = files.read_json(run.path / run_folder.MANIFEST)
    seconds = manifest["seconds"]
    with _timed(seconds, "extract"):
        rdms = extract(run, settings=settings, report=report)
    with _timed(seconds, "analyze"):
        results = analyze(rdms, settings)
    save_stack(folder / run_folder.RDMS, rdms)
    write_dataset(folder / run_folder.RESULTS, results)
    files.write_json(folder / ANALYSIS, config_to_dict(settings))
    files.write_json(folder / run_folder.SUMMARY, summarize(results, seconds))
    # Training's own entries stay as they are: it may have run elsewhere, and earlier.
    manifest["analysis"] = run_folder.make_manifest(run.config, {})
    return draw_report(run, folder, results, manifest)


def redraw(path: str | Path, out: str | Path | None = None) -> Path:
    """Draw figures and report again from stored results.

    Args:
        path: the run folder.
        out: where the results lie; None for the run folder itself.

    Raises:
        InputError: no run folder, or it has not been analysed.
    """
    run = load_run(path)
    folder = Path(out) if out is not None else run.path
    if not (folder / run_folder.RESULTS).is_file():
        raise InputError(
            f"run: {folder} holds no {run_folder.RESULTS}; "
            f"run `ensemble-rsa analyze {run.path}` first"
        )
    with xr.open_dataset(folder / run_folder.RESULTS, engine="h5netcdf") as stored:
        results = stored.load()
    return draw_report(run, folder, results, files.read_json(folder / run_folder.MANIFEST))


def draw_report(run: Run, folder: Path, results: xr.Dataset, manifest: dict[str, Any]) -> Path:
    """Figures, `report.html` and `manifest.json` of analysed results."""
    history = load_history(run)
    excluded, replaced, flagged = (
        json.loads(results.attrs[f"{what}_instances"])
        for what in ("excluded", "replaced", "flagged")
    )
    with _timed(manifest["seconds"], "figures"):
        figures = save_figures(results, history, folder / run_folder.FIGURES, [*flagged, *excluded])
    files.write_json(folder / run_folder.MANIFEST, manifest)
    settings: dict[str, Any] = config_to_dict(run.config)
    settings["analysis"] = files.read_json(folder / ANALYSIS)
    return write_report(
        folder / run_folder.REPORT,
        results,
        history,
        files.read_json(folder / run_folder.SUMMARY),
        manifest,
        settings,
        figures,
        excluded=[*excluded, *replaced],
        flagged=flagged,
    )


def save_stack(path: Path, rdms: xr.Dataset) -> None:
    """Write exemplar RDMs, layer by layer, as a file that `rsatoolbox.rdm.load_rdm` opens."""
    n_layers, n_instances = rdms.sizes["layer"], rdms.sizes["instance"]
    save_rdms(
        path,
        rdms.exemplar.values,
        rdms.attrs["distance"],
        {
            "layer": np.repeat(rdms.layer.values, n_instances),
            "instance": np.tile(rdms.instance.values, n_layers),
            "seed": np.tile(rdms.seed.values, n_layers),
        },
        {"stimulus": rdms.stimulus.values, "category": rdms.category.values},
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - began, 2)

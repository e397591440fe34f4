"""The stages of the main job with their files: what the command line and the scripts call."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import store
from ensemble_rsa.config import AnalysisConfig
from ensemble_rsa.config_values import config_to_dict
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction import Progress
from ensemble_rsa.figures.report import write_report
from ensemble_rsa.figures.save import save_figures
from ensemble_rsa.interop.rsatoolbox import save_rdms
from ensemble_rsa.pipeline import analyze, extract
from ensemble_rsa.runs import Run, load_history, load_run, write_dataset
from ensemble_rsa.summary import summarize

ANALYSIS = "analysis.json"


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
    manifest = store.read_json(run.path / store.MANIFEST)
    seconds = manifest["seconds"]
    with _timed(seconds, "extract"):
        rdms = extract(run, settings=settings, report=report)
    with _timed(seconds, "analyze"):
        results = analyze(rdms, settings)
    save_stack(folder / store.RDMS, rdms)
    write_dataset(folder / store.RESULTS, results)
    store.write_json(folder / ANALYSIS, config_to_dict(settings))
    store.write_json(folder / store.SUMMARY, summarize(results, seconds))
    # Training's own entries stay as they are: it may have run elsewhere, and earlier.
    manifest["analysis"] = store.make_manifest(run.config, {})
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
    if not (folder / store.RESULTS).is_file():
        raise InputError(
            f"run: {folder} holds no {store.RESULTS}; run `ensemble-rsa analyze {run.path}` first"
        )
    with xr.open_dataset(folder / store.RESULTS, engine="h5netcdf") as stored:
        results = stored.load()
    return draw_report(run, folder, results, store.read_json(folder / store.MANIFEST))


def draw_report(run: Run, folder: Path, results: xr.Dataset, manifest: dict[str, Any]) -> Path:
    """Figures, `report.html` and `manifest.json` of analysed results."""
    history = load_history(run)
    excluded, replaced, flagged = (
        json.loads(results.attrs[f"{what}_instances"])
        for what in ("excluded", "replaced", "flagged")
    )
    with _timed(manifest["seconds"], "figures"):
        figures = save_figures(results, history, folder / store.FIGURES, [*flagged, *excluded])
    store.write_json(folder / store.MANIFEST, manifest)
    settings: dict[str, Any] = config_to_dict(run.config)
    settings["analysis"] = store.read_json(folder / ANALYSIS)
    return write_report(
        folder / store.REPORT,
        results,
        history,
        store.read_json(folder / store.SUMMARY),
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

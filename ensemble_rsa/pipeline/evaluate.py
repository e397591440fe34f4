"""Evaluation of an analysed run against RDMs of brains or behaviour, with files and a page."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.analysis.inference.covariances import FACTORS
from ensemble_rsa.analysis.inference.evaluate import Factor, evaluate
from ensemble_rsa.analysis.inference.result import Evaluation
from ensemble_rsa.arrays import stimuli_of_pairs
from ensemble_rsa.arrays.rdms import Missing
from ensemble_rsa.errors import check_name
from ensemble_rsa.figures.evaluation import draw_evaluation
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.interop.reference_files.opened import STIMULUS
from ensemble_rsa.pipeline.analyze import rewrite_report
from ensemble_rsa.pipeline.evaluations import EVALUATION, OF_RDMS, fingerprint
from ensemble_rsa.pipeline.reference import (
    name_of_results,
    rdms_of,
    reading_attributes,
    reference_for,
)
from ensemble_rsa.pipeline.result_folders import folder_for
from ensemble_rsa.rdm.compare import COMPARISONS, ComparisonName
from ensemble_rsa.report.evaluation import DEFAULT_COMPARISON, write_evaluation
from ensemble_rsa.runs import run_folder

FILE = "reference_file"  # the attribute with the path of the reference


def evaluate_run(
    run: str | Path,
    reference: str | Path,
    comparison: ComparisonName = DEFAULT_COMPARISON,
    over: Sequence[Factor] = FACTORS,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    missing: Missing = "refuse",
    variable: str | None = None,
    descriptor: str = STIMULUS,
    where: Mapping[str, Any] | None = None,
    distance: str | None = None,
    mask: str | Path | None = None,
    folds: str | None = None,
    out: str | Path | None = None,
) -> tuple[xr.Dataset, Path]:
    """Evaluate every layer of an analysed run against reference RDMs.

    Args:
        run: folder of the run, analysed, or the one that `analyze` wrote its results to.
        reference: a file of reference RDMs, see `ensemble_rsa.interop.reference.load_reference`.
            RDMs of one `subject` are averaged if they differ in session or run only. Stimuli are
            matched by id where file and run have ids, else by position.
        comparison: as in `evaluate`, and likewise `over`, `n_resamples`, `confidence`, `seed` and
            `missing`.
        over: random factors.
        n_resamples: draws of stimuli.
        confidence: coverage of intervals.
        seed: of the draws.
        missing: what to do with missing distances.
        variable: as in `load_reference`, and likewise `descriptor`, `where`, `distance`,
            `mask` and `folds`.
        descriptor: of stimuli, which holds their ids.
        where: which RDMs.
        distance: between patterns, where the reference holds patterns.
        mask: the voxels of an image.
        folds: of observations, for crossnobis.
        out: where results are written; None for `evaluation-REFERENCE` in the run's folder, with
            `where`, the other options of reading, `over`, `missing` and the comparison in the name
            where they are not the defaults, and a number where another file has that name.

    Returns:
        The evaluation (see `evaluation_dataset`), and the page `evaluation.html` beside its files.
        Unless `out` is given, the report of the run has it as a section, too, also after the next
        `analyze` or `report`; one that `analyze` wrote elsewhere only after these.

    Raises:
        InputError: a run without RDMs, a reference that cannot be read, other stimuli, and
            what `evaluate` refuses.
    """
    run, path = files.as_path("run", run), files.as_path("reference", reference)
    reading = {
        "where": where, "variable": variable, "descriptor": descriptor, "distance": distance,
        "mask": mask, "folds": folds,
    }  # fmt: skip
    rdms = rdms_of(run)
    brains = reference_for(rdms, path, **reading)  # checks how it is read
    check_name("comparison", comparison, COMPARISONS)
    chosen = [each for each in FACTORS if each in over]
    factors = "-".join(chosen) if len(chosen) < len(FACTORS) else None
    chosen_missing = None if missing == "refuse" else missing
    also = {"missing": chosen_missing}
    named = name_of_results(path, comparison, {**reading, "over": factors, **also})
    default = run / f"{EVALUATION}-{named}"
    folder = folder_for(out, default, f"{EVALUATION}.json", FILE, str(path.resolve()))
    is_numbered = out is None and folder != default
    result = evaluate(
        rdms.exemplar.values, brains.exemplar.values, comparison, over, n_resamples, confidence,
        seed, missing=missing,
    )  # fmt: skip
    labels = {"layer": rdms.layer.values, "instance": rdms.instance.values}
    if "subject" in brains.coords and brains.subject.dims == brains.exemplar.dims[:1]:
        labels["subject"] = brains.subject.values
    dataset = evaluation_dataset(result, labels).assign_attrs(
        run=run.resolve().name, comparison=comparison,
        reference=_with_folder(path) if is_numbered else path.name,
        **{FILE: str(path.resolve())},
        random=" ".join(chosen), n_resamples=n_resamples,
        confidence=confidence, distance=str(rdms.attrs.get("distance", "")),
        n_stimuli=stimuli_of_pairs("rdms", rdms.sizes["stimulus_pair"]),
        cocktail_blank=int(rdms.attrs.get("cocktail_blank", 0)),
        **{OF_RDMS: fingerprint(rdms)}, **reading_attributes({**reading, **also}),
    )  # fmt: skip
    page = _write(dataset, folder)
    # `analyze --out` writes a report, too, but only a run holds what it is written again from
    if out is None and all((run / one).is_file() for one in (run_folder.CONFIG, run_folder.REPORT)):
        rewrite_report(run)
    return dataset, page


def _with_folder(reference: Path) -> str:
    """The name of a file with that of its folder, by which files of one name are told apart."""
    return f"{reference.resolve().parent.name}/{reference.name}"


def evaluation_dataset(result: Evaluation, labels: Mapping[str, np.ndarray]) -> xr.Dataset:
    """Return the evaluation of layers as a data set.

    `labels` are those of each `layer`, `instance` and, where known, `subject`.

    Its variables are `mean, sd, low, high, dof, p, p_adjusted, p_ceiling, p_ceiling_adjusted,
    share_of_ceiling, instance_ceiling_lower, instance_ceiling_upper (layer)`,
    `subject_ceiling_lower, subject_ceiling_upper ()`, `similarity (layer, instance, subject)`,
    `component_variance, component_share, component_clipped (component, layer)` and
    `difference, difference_sd, _low, _high, _p, _p_adjusted (layer_pair)`.
    """
    names = (
        "mean", "sd", "low", "high", "dof", "p", "p_adjusted", "p_ceiling", "p_ceiling_adjusted",
        "share_of_ceiling",
    )  # fmt: skip
    values: dict[str, Any] = {name: ("layer", getattr(result, name)) for name in names}
    for end in ("lower", "upper"):
        values[f"instance_ceiling_{end}"] = ("layer", getattr(result.instance_ceiling, end))
        values[f"subject_ceiling_{end}"] = ((), getattr(result.subject_ceiling, end))
    of_component = ("component", "layer")
    values |= {
        "similarity": (("layer", "instance", "subject"), result.similarity),
        "component_variance": (of_component, result.components.value),
        "component_share": (of_component, result.components.share),
        "component_clipped": (of_component, result.components.clipped.astype(np.int8)),
    }
    pairs = result.differences
    for name in ("value", "sd", "low", "high", "p", "p_adjusted"):
        key = "difference" if name == "value" else f"difference_{name}"
        values[key] = ("layer_pair", getattr(pairs, name))
    layers = [str(layer) for layer in labels["layer"]]
    coordinates = {
        **{name: np.asarray(values.tolist()) for name, values in labels.items()},
        "layer": layers,
        "component": list(result.components.names),
        "layer_first": ("layer_pair", np.array(layers, dtype=str)[pairs.first]),
        "layer_second": ("layer_pair", np.array(layers, dtype=str)[pairs.second]),
    }
    return xr.Dataset(values, coordinates).assign_attrs(dropped=result.dropped)


def _write(dataset: xr.Dataset, folder: Path) -> Path:
    files.write_dataset(folder / f"{EVALUATION}.nc", dataset)
    figure = save_figure(draw_evaluation(dataset), folder / f"{EVALUATION}.png")
    plain = {
        str(name): _plain(values.values.tolist()) for name, values in dataset.variables.items()
    }
    files.write_json(folder / f"{EVALUATION}.json", {**dataset.attrs, **plain})
    manifest = run_folder.make_manifest(None, {})
    return write_evaluation(folder / f"{EVALUATION}.html", dataset, figure, manifest)


def _plain(value: Any) -> Any:
    """Nested lists without NaN and infinity, which JSON lacks."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

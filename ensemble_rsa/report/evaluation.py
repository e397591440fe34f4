"""The page of an evaluation of networks against brains or behaviour."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ensemble_rsa.figures.wording import COMPARISON_NAMES, percent
from ensemble_rsa.report.captions import render
from ensemble_rsa.report.figure_tables import evaluation_tables
from ensemble_rsa.report.methods import evaluation_methods
from ensemble_rsa.report.page import PageFigure, embed, write_page
from ensemble_rsa.report.rendering import render_text

SIGNIFICANT = 0.05
DEFAULT_COMPARISON = "rho_a"
_READING = ("variable", "descriptor", "distance", "mask", "folds", "missing")
_COLUMNS = (
    "mean", "low", "high", "sd", "dof", "p_adjusted", "p_ceiling_adjusted", "share_of_ceiling",
    "instance_ceiling_lower",
)  # fmt: skip


def evaluation_values(evaluation: xr.Dataset) -> dict[str, Any]:
    """Return the values that sentence, caption and page of an evaluation need.

    `evaluation` is from `ensemble_rsa.pipeline.evaluate.evaluation_dataset`.
    """
    layers = [str(layer) for layer in evaluation.layer.values]
    columns = {name: evaluation[name].values.tolist() for name in _COLUMNS}
    rows = [
        {"layer": layer} | {name: column[i] for name, column in columns.items()}
        for i, layer in enumerate(layers)
    ]
    best = rows[int(np.argmax(evaluation["mean"].values))]
    clear = [
        f"{first} and {second}"
        for first, second, p in zip(
            evaluation.layer_first.values.tolist(),
            evaluation.layer_second.values.tolist(),
            evaluation.difference_p_adjusted.values.tolist(),
            strict=True,
        )
        if p <= SIGNIFICANT
    ]
    shares = evaluation.component_share.values
    attributes = evaluation.attrs
    return {
        "rows": rows,
        "best": best,
        "n_layers": len(layers),
        "n_pairs": evaluation.sizes["layer_pair"],
        "clear": clear,
        "lower": float(evaluation.subject_ceiling_lower),
        "upper": float(evaluation.subject_ceiling_upper),
        "components": [
            {
                "name": str(name),
                "shares": shares[i].tolist(),
                "clipped": [
                    layer
                    for layer, was in zip(
                        layers, evaluation.component_clipped.values[i].tolist(), strict=True
                    )
                    if was
                ],
            }
            for i, name in enumerate(evaluation.component.values)
        ],
        "layers": layers,
        "level": percent(evaluation),
        "significant": SIGNIFICANT,
        "similarity": COMPARISON_NAMES[attributes["comparison"]],
        "factors": attributes["random"].split(),
        "fixed": [
            each
            for each in ("instances", "subjects", "stimuli")
            if each not in attributes["random"].split()
        ],
        "n_instances": evaluation.sizes["instance"],
        "n_subjects": evaluation.sizes["subject"],
        "heading": _heading(attributes),
        "blanked": bool(attributes.get("cocktail_blank", 0)),
        **{name: attributes[name] for name in ("run", "reference", "n_stimuli", "n_resamples",
                                               "distance", "dropped")},
    }  # fmt: skip


def _heading(attributes: Mapping[str, Any]) -> str:
    """The reference with what of its reading, and of the comparison, differs from the defaults."""
    words = [attributes["reference"], *_read(attributes)]
    if attributes["comparison"] != DEFAULT_COMPARISON:
        words.append(COMPARISON_NAMES[attributes["comparison"]])
    return ", ".join(words)


def _read(attributes: Mapping[str, Any]) -> list[str]:
    """How a reference was read, where it is not by default."""
    where = attributes.get("reference_where")
    options = [name for name in _READING if f"reference_{name}" in attributes]
    given = [f"{name} {attributes[f'reference_{name}']}" for name in options]
    return [where, *given] if where else given


def evaluation_sentence(evaluation: xr.Dataset) -> str:
    """Return the best layer with its interval, how it stands to the ceiling, and clear differences.

    Differences are reported where their p, adjusted over pairs of layers, is at most 0.05.
    """
    return render_text("evaluation", **evaluation_values(evaluation))


class StoredEvaluation(NamedTuple):
    """An evaluation of a run that was made before, for its report.

    Attributes:
        dataset: from `ensemble_rsa.pipeline.evaluate.evaluation_dataset`.
        figure: its PNG.
        outdated: whether the RDMs of the run have changed since.
    """

    dataset: xr.Dataset
    figure: Path
    outdated: bool


def evaluation_figure(stored: StoredEvaluation, number: int) -> PageFigure:
    """Return the figure of an evaluation in a run's report."""
    caption = render("captions/evaluation", **evaluation_values(stored.dataset))
    tables = {
        f"{name}-{number}": table for name, table in evaluation_tables(stored.dataset).items()
    }
    return PageFigure(stored.figure, f"Figure {number}", caption, tables=tables)


def evaluation_section(stored: StoredEvaluation, figure: PageFigure) -> dict[str, Any]:
    """Return the values of a section of a run's report; `figure` is that of the evaluation."""
    values = evaluation_values(stored.dataset)
    return {
        "found": values,
        "setting": _setting(values),
        "sentence": evaluation_sentence(stored.dataset),
        "figure": embed(figure),
        "outdated": stored.outdated,
    }


def _setting(values: Mapping[str, Any]) -> str:
    return (
        f"{values['n_instances']} instances, {values['n_subjects']} subjects, "
        f"{values['n_stimuli']} stimuli; random: {', '.join(values['factors'])}."
    )


def write_evaluation(
    path: Path, evaluation: xr.Dataset, figure: Path, manifest: Mapping[str, Any]
) -> Path:
    """Write `evaluation.html`, and return its path; `figure` is a PNG of the evaluation."""
    values = evaluation_values(evaluation)
    return write_page(
        path,
        "evaluation",
        figures=[
            PageFigure(
                figure,
                "Figure 1",
                render("captions/evaluation", **values),
                tables=evaluation_tables(evaluation),
            )
        ],
        details={"Settings": evaluation.attrs, "Versions": manifest},
        title=f"{values['run']} against {values['heading']}",
        setting=_setting(values),
        created=str(manifest.get("created", "")),
        sentence=evaluation_sentence(evaluation),
        methods=evaluation_methods(values, _read(evaluation.attrs), manifest),
        values=values,
    )

"""The report of an analysis: one self-contained HTML file with results, figures and provenance."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from ensemble_rsa.figures.wording import noted_instances
from ensemble_rsa.report.captions import render
from ensemble_rsa.report.charts import figure_chart
from ensemble_rsa.report.evaluation import (
    StoredEvaluation,
    evaluation_figure,
    evaluation_section,
)
from ensemble_rsa.report.explorer import Explored, make_explorer
from ensemble_rsa.report.figure_tables import figure_tables
from ensemble_rsa.report.methods import analysis_methods
from ensemble_rsa.report.page import PageFigure, write_page
from ensemble_rsa.report.rendering import render_text
from ensemble_rsa.report.sentence import result_sentence
from ensemble_rsa.report.values import (
    ceiling_at,
    clustering_at,
    consistency_at,
    dataset_values,
    known_accuracies,
)
from ensemble_rsa.runs.summary import outlying

# Settings that the paper leaves open, and the value proposed for each.
_OPEN = {
    "last_relu": ("model", True),
    "valid_padding": ("model", True),
    "dropout_after": ("model", "strided"),
    "l2_biases": ("training", True),
    "one_mask": ("analysis", False),
}


def write_report(
    path: Path,
    results: xr.Dataset,
    history: xr.Dataset | None,
    summary: Mapping[str, Any],
    manifest: Mapping[str, Any],
    config: Mapping[str, Any],
    figures: Sequence[Path],
    excluded: Sequence[Mapping[str, Any]] = (),
    flagged: Sequence[Mapping[str, Any]] = (),
    evaluations: Sequence[StoredEvaluation] = (),
    explored: Explored | None = None,
) -> Path:
    """Write `report.html`, and return its path.

    Accuracies, categories and seeds may be missing from the `results` of `analyze`; `history` is
    None for activations from elsewhere. The names of the `figures`, PNG files, select the captions.
    Instances that are `excluded` were left out; those that are `flagged` were kept although they
    did not converge (`instance`, `seed`, `reason` of each). The findings in the summary come first.
    Each of the `evaluations` against brains or behaviour is a section. `explored` are RDMs and
    thumbnails to explore; None where they are not at hand.
    """
    explorer = None if explored is None else make_explorer(explored, results)
    values = dataset_values(results)
    accuracies = {
        name: known_accuracies(results, name) for name in ("train_accuracy", "test_accuracy")
    }
    trained = {} if history is None else history.sizes
    noted = [*flagged, *excluded]
    n_noted = 0 if history is None else len(noted_instances(history, noted))
    captions = values | {
        "n_trained": trained.get("instance"),
        "n_epochs": trained.get("epoch"),
        "n_unflagged": trained.get("instance", 0) - n_noted,
    }
    shown = []
    for number, file in enumerate(map(Path, figures), 1):
        tables = figure_tables(file.stem, results, history)
        chart = figure_chart(file.stem, results, history, noted, tables)
        caption = render(f"captions/{file.stem}", **captions)
        shown.append(PageFigure(file, f"Figure {number}", caption, "", tables, chart))
    further = [
        evaluation_figure(one, number) for number, one in enumerate(evaluations, len(shown) + 1)
    ]
    return write_page(
        path,
        "report",
        figures=shown,
        data={} if explorer is None else {"explorer-data": explorer.data},
        scripts=[] if explorer is None else ["explorer.js"],
        styles=[] if explorer is None else ["explorer.css"],
        explorer=None if explorer is None else explorer.words,
        details={"Settings": config, "Versions and times": manifest, "Numbers": summary},
        title=render_text("title", **values),
        setting=render_text("setting", **values),
        created=str(manifest.get("created", "")),
        sentence=result_sentence(results, summary),
        methods=analysis_methods(results, manifest, config),
        rows=[
            {
                "layer": layer,
                "estimates": [consistency_at(results, kind, place) for kind in values["kinds"]],
                "clustering": clustering_at(results, place),
                "ceiling": ceiling_at(results, place),
            }
            for place, layer in enumerate(values["layers"])
        ],
        instances=results.instance.values.tolist() if any(accuracies.values()) or flagged else [],
        further=further,
        evaluations=[
            evaluation_section(one, figure)
            for one, figure in zip(evaluations, further, strict=True)
        ],
        notes=noted_instances(results, flagged),
        outlying=outlying(results),
        **accuracies,
        findings=summary.get("findings") or [],
        set_aside={"Excluded": excluded, "Kept, but flagged": flagged},
        constant_patterns=_constant_patterns(results),
        within_category=results.attrs.get("within_category", "pooled"),
        switches=_switches(config),
        preprocessing=(config.get("data") or {}).get("preprocessing", "gcn_zca"),
        **{name: values[name] for name in ("n_instances", "n_pairs", "level", "kinds", "seeds",
                                           "model", "surrogate", "scale", "over_instances",
                                           "undirected", "stored")},
    )  # fmt: skip


def _switches(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that the paper leaves open and that differ from what we propose."""
    found = {
        name: (config.get(section) or {}).get(name, proposed)
        for name, (section, proposed) in _OPEN.items()
    }
    if (config.get("analysis") or {}).get("dropout_sample") is None:
        found.pop("one_mask")  # which has no effect without dropout
    return {name: value for name, value in found.items() if value != _OPEN[name][1]}


def _constant_patterns(results: xr.Dataset) -> dict[str, list[int]]:
    """Layer → number of constant patterns of each instance, for layers that have any."""
    if "constant_patterns" not in results:
        return {}
    counts = results.constant_patterns.transpose("layer", "instance")
    return {
        str(layer): row.tolist()
        for layer, row in zip(results.layer.values, counts.values, strict=True)
        if row.any()
    }

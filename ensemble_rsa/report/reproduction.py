"""The page of a reproduction: the ledger as tables, and every figure with its caption."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ensemble_rsa.figures.wording import paper_figure
from ensemble_rsa.report.captions import Caption
from ensemble_rsa.report.methods import reproduction_methods
from ensemble_rsa.report.page import PageFigure, write_page
from ensemble_rsa.report.tables import Table


def write_reproduction(
    path: Path,
    scale: str,
    rows: Sequence[Mapping[str, Any]],
    variants: Sequence[Mapping[str, Any]],
    figures: Mapping[str, tuple[Path, Caption]],
    tables: Mapping[str, Mapping[str, Table]],
    origin: Mapping[str, Any],
    created: str,
    summary: str = "",
    verdicts: Mapping[str, str] = MappingProxyType({}),
    varied: str = "",
) -> Path:
    """Write `report.html` of a reproduction, and return its path.

    Args:
        path: where to.
        scale: name of the scale of all experiments.
        rows: the ledger; each row with the fields of `comparison.json`, and `stands`: whether an
            effect is met by Holm's correction.
        variants: results for the switches that the paper leaves open: `variant, what, flagged,
            replaced`, with a mean and two bounds each `train_accuracy, test_accuracy, correlation,
            euclidean`, and `correlation_change, euclidean_change`, which may be None.
        figures: name, such as `fig4` → PNG file and caption.
        tables: name of a figure → its numbers, see `PageFigure`.
        origin: versions, commit, and the settings of each ensemble.
        created: the date.
        summary: how many rows are met, in sentences.
        verdicts: name of a figure → its verdict in sentences.
        varied: name of the ensemble of which `variants` are.
    """
    return write_page(
        path,
        "reproduction",
        figures=[
            PageFigure(
                file, paper_figure(name), caption, verdicts.get(name, ""), tables.get(name, {})
            )
            for name, (file, caption) in figures.items()
        ],
        details={"Ensembles and versions": origin},
        title="Individual differences among deep neural network models, reproduced",
        setting=f"Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w, at scale {scale}.",
        created=created,
        scale=scale,
        rows=rows,
        summary=summary,
        methods=reproduction_methods(origin),
        variants=variants,
        varied=varied,
    )

"""The report of a reproduction: the ledger as tables, and every figure with its caption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble_rsa.report.page import as_json, embedded_figure, write_page
from ensemble_rsa.reproduce.ledger import NOT_RUN, Row
from ensemble_rsa.reproduce.scales import Scale
from ensemble_rsa.reproduce.variants import Tried

_WARNINGS = {
    "smoke": "Scale smoke: networks are hardly trained. It shows that every path runs; no number "
    "here says anything about the paper.",
    "small": "Scale small: fewer channels, images and epochs than the paper's. Effects can be "
    "looked for; the paper's numbers cannot be expected.",
    "paper": "Scale paper: the published setting as far as it is known; what is not known is ours "
    "and listed in the settings below.",
}
_TABLES = (
    ("number", "Numbers that the paper prints", "Ours with its 95 % interval over instances."),
    (
        "effect",
        "Effects that the paper reports",
        "Each is put as a number that should be above zero: met where its whole 95 % interval is.",
    ),
    ("measure", "Further numbers", "Ours alone, for what the paper says in words or not at all."),
)


@dataclass(frozen=True)
class Plate:
    """A figure in its file, and its words."""

    name: str
    file: Path
    title: str
    caption: str


def write_reproduction(
    path: Path,
    scale: Scale,
    rows: Sequence[Row],
    variants: Sequence[Tried],
    plates: Sequence[Plate],
    origin: Mapping[str, Any],
    created: str,
) -> Path:
    """Write `report.html`.

    Args:
        path: where to.
        scale: of all experiments.
        rows: the ledger.
        variants: what came of the switches that the paper leaves open, if they were tried.
        plates: the figures.
        origin: versions, commit, and what each ensemble was trained from.
        created: the date.
    """
    tables = [
        (heading, lead, [_shown(row) for row in rows if row.kind == kind])
        for kind, heading, lead in _TABLES
    ]
    return write_page(
        path,
        "reproduction.html.j2",
        title="Individual differences among deep neural network models, reproduced",
        setting=f"Mehrer et al. 2020, Nature Communications 11:5725, at scale {scale.name}.",
        created=created,
        warnings=[_WARNINGS[scale.name]],
        tables=tables,
        variants=[_variant(tried) for tried in variants],
        figures=[
            embedded_figure(plate.file, f"{_label(plate.name)}. {plate.title}", plate.caption)
            for plate in plates
        ],
        details={"Ensembles and versions": as_json(origin)},
    )


def _label(name: str) -> str:
    """How the paper calls a figure.

    >>> _label("fig4"), _label("s3")
    ('Fig. 4', 'Fig. S3')
    """
    return f"Fig. {name.removeprefix('fig')}" if name.startswith("fig") else f"Fig. {name.upper()}"


def _shown(row: Row) -> dict[str, str]:
    printed = "" if row.paper is None else _number(row.paper)
    if row.low is not None and row.high is not None:
        printed = f"{printed} [{_number(row.low)}, {_number(row.high)}]".strip()
    interval = ""
    if row.ours_low is not None and row.ours_high is not None:
        interval = f"{_number(row.ours_low)} to {_number(row.ours_high)}"
    return {
        "figure": _label(row.figure),
        "quantity": row.quantity,
        "paper": printed or ("above 0" if row.kind == "effect" else "–"),
        "ours": _ours(row),
        "interval": interval,
        "verdict": row.verdict if row.kind != "measure" else "–",
        "note": row.note,
    }


def _ours(row: Row) -> str:
    if row.ours is None:
        return "–" if row.verdict == NOT_RUN else "not defined"
    return _number(row.ours)


def _variant(tried: Tried) -> dict[str, str]:
    return {
        "name": tried.variant,
        "what": tried.what,
        "unconverged": f"{tried.flagged} kept, {tried.replaced} replaced",
        **{
            name: f"{_number(mean)} ({_number(low)} to {_number(high)})"
            for name, (mean, low, high) in (
                ("accuracy", tried.accuracy),
                ("correlation", tried.correlation),
                ("euclidean", tried.euclidean),
            )
        },
    }


def _number(value: float) -> str:
    """Three decimals, or as many digits as a small number needs; counts as they are.

    >>> _number(0.44291), _number(-0.5), _number(1.2e-7), _number(499500.0), _number(0.0)
    ('0.443', '-0.500', '1.2e-07', '499,500', '0')
    """
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 5e-4 else f"{value:.1e}"

"""What an experiment consists of, and how its findings are computed from its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import xarray as xr

from ensemble_rsa.analysis.bootstrap.jackknife import Scale
from ensemble_rsa.figures.target import Drawn
from ensemble_rsa.reproduce.measures import Terms, mean_and_jackknife, statistics_of
from ensemble_rsa.reproduce.workspace import Workspace

Interval = Literal["jackknife over instances", "range of instances", "exact", "none"]
JACKKNIFE, RANGE, EXACT, NO_INTERVAL = (
    "jackknife over instances", "range of instances", "exact", "none",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """A value of ours that the ledger compares with the paper's, or an effect.

    Attributes:
        figure: of the paper, such as `fig4`.
        quantity: a key of `paper.NUMBERS` for a number that the paper prints; else a description.
        value: ours.
        low, high: its 95 % interval.
        effect: whether the paper reports that the value is above zero.
        note: for the reader.
        standard_error: of the value.
        p: two-sided, that the value is zero.
        interval: of which kind; `exact` for a property of distances that a simulation shows, which
            holds if the value is above zero and has no interval.
    """

    figure: str
    quantity: str
    value: float
    low: float | None = None
    high: float | None = None
    effect: bool = False
    note: str = ""
    standard_error: float | None = None
    p: float | None = None
    interval: Interval = NO_INTERVAL


@dataclass(frozen=True)
class Picture:
    """A figure of the paper; its title and caption are in the template `paper/NAME`.

    Attributes:
        draw: from the experiment's result.
        values: what the template needs besides `dataset_values` of the result.
    """

    draw: Callable[[xr.Dataset], Drawn]
    values: Callable[[xr.Dataset], Mapping[str, Any]] = lambda result: {}


@dataclass(frozen=True)
class Experiment:
    """One measurement that one or more figures show.

    Attributes:
        name: of its result's file.
        ensembles: the scale's ensembles that it needs.
        measure: the result, with everything that its figures draw.
        findings: in the paper's order.
        pictures: figure name → picture.
        revision: to be raised when results get another content, so that stored ones are not used.
    """

    name: str
    ensembles: tuple[str, ...]
    measure: Callable[[Workspace], xr.Dataset]
    findings: Callable[[xr.Dataset], list[Finding]]
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    revision: int = 1


def mean_finding(
    result: xr.Dataset,
    figure: str,
    quantity: str,
    values: xr.DataArray | Terms,
    effect: bool = False,
    note: str = "",
    scale: Scale = "raw",
) -> Finding:
    """The mean over instances or pairs of instances, with the jackknife's interval.

    `scale` is `"shared_variance"` for a consistency itself, `"raw"` for differences and others.
    Fewer than three instances have no interval.
    """
    mean, found = mean_and_jackknife(values, statistics_of(result).confidence, scale)
    if found is None:
        note = "; ".join(part for part in (note, "fewer than three instances: no interval") if part)
        return Finding(figure, quantity, mean, effect=effect, note=note)
    low, high, error, p = map(float, (found.low, found.high, found.standard_error, found.p))
    return Finding(figure, quantity, mean, low, high, effect, note, error, p, JACKKNIFE)


def negative(finding: Finding) -> Finding:
    """The finding with its sign reversed, as the effect that the paper reports to be below zero.

    >>> negative(Finding("s4", "correlation", -0.9, -1.0, -0.5)).value
    0.9
    """
    return replace(
        finding,
        quantity=f"minus the {finding.quantity}",
        value=-finding.value,
        low=None if finding.high is None else -finding.high,
        high=None if finding.low is None else -finding.low,
        effect=True,
    )

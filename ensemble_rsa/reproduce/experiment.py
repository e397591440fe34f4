"""What an experiment is: what it measures, what it finds, and which figures show it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_mean, bootstrap_pairs
from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.reproduce.workspace import Workspace


@dataclass(frozen=True)
class Finding:
    """One number of ours, or one effect of the paper as a number that it says is above zero.

    Attributes:
        figure: a name of `FIGURES`.
        quantity: a key of `paper.NUMBERS` for a number that the paper prints; else what it is.
        value: ours.
        low, high: its 95 % interval, over instances unless the note says otherwise.
        effect: whether the paper says that the value is above zero.
        note: what a reader should know.
    """

    figure: str
    quantity: str
    value: float
    low: float | None = None
    high: float | None = None
    effect: bool = False
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure of the paper.

    Attributes:
        title: what it shows, in a few words.
        draw: from the experiment's result.
        caption: without scale, seeds and sample sizes, which are added.
    """

    title: str
    draw: Callable[[xr.Dataset], Figure]
    caption: Callable[[xr.Dataset], str]


@dataclass(frozen=True)
class Experiment:
    """One measurement that one or more figures show.

    Attributes:
        name: of its result's file.
        ensembles: of the scale, which it needs.
        measure: the result, with everything that its figures draw.
        findings: in the paper's order.
        pictures: figure name → picture.
        revision: raised whenever results hold something else than before, so that those of
            older code are measured anew.
    """

    name: str
    ensembles: tuple[str, ...]
    measure: Callable[[Workspace], xr.Dataset]
    findings: Callable[[xr.Dataset], list[Finding]]
    pictures: Mapping[str, Picture]
    revision: int = 1


def as_finding(
    figure: str, quantity: str, found: Bootstrap, effect: bool = False, note: str = ""
) -> Finding:
    """A bootstrapped mean as a line of the ledger."""
    return Finding(
        figure, quantity, float(found.mean), float(found.low), float(found.high), effect, note
    )


def negative(finding: Finding) -> Finding:
    """As an effect that a number which the paper says is below zero is: with its sign turned.

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


def over_instances(
    figure: str,
    quantity: str,
    pairs: np.ndarray,
    settings: StatisticsConfig,
    effect: bool = False,
    note: str = "",
) -> Finding:
    """The mean of `(instance_pair,)` values, with an interval from resampled instances."""
    boot = bootstrap_pairs(
        pairs, "instances", settings.n_resamples, settings.confidence, settings.seed
    )
    return as_finding(figure, quantity, boot, effect, note)


def mean_of_instances(
    figure: str,
    quantity: str,
    values: np.ndarray,
    settings: StatisticsConfig,
    effect: bool = False,
    note: str = "",
) -> Finding:
    """The mean of `(instance,)` values, with an interval from resampled instances."""
    boot = bootstrap_mean(values, settings.n_resamples, settings.confidence, settings.seed)
    return as_finding(figure, quantity, boot, effect, note)

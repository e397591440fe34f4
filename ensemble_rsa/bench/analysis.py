"""The benchmark of the analyses: what is measured at which sizes, and the result as a whole."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ensemble_rsa.bench.bootstraps import KINDS, NEEDS_UNITS, bootstrap_routine
from ensemble_rsa.bench.ensembles import CLUSTERING, CONSISTENCY, GROUPS, RANDOM_CATEGORIES
from ensemble_rsa.bench.growth import Growth, fit_growth
from ensemble_rsa.bench.jobs import RIVALS, Size
from ensemble_rsa.bench.layers import MEASURES, layer_routine
from ensemble_rsa.bench.machine import describe_machine, load
from ensemble_rsa.bench.pictures import MDS
from ensemble_rsa.bench.rdms import STORED, rdm_routine
from ensemble_rsa.bench.run import NOT_INSTALLED, Patience, Plan, Progress, Row, run_jobs
from ensemble_rsa.errors import unknown_name
from ensemble_rsa.rdm.distances import DISTANCES

VERSIONED = ("ensemble_rsa", "jax", "jaxlib", *RIVALS.values(), "h5py")
RDMS = {distance: rdm_routine(distance) for distance in DISTANCES}
OTHER_DISTANCES = [distance for distance in DISTANCES if distance != "correlation"]


@dataclass(frozen=True)
class Scale:
    """How much is measured: a plan, and the patience for it."""

    plan: Plan
    patience: Patience


def _stimuli(*numbers: int, units: int = 0) -> list[Size]:
    return [Size(number, units) for number in numbers]


def _units(*numbers: int, stimuli: int = 1000) -> list[Size]:
    return [Size(stimuli, number) for number in numbers]


def _bootstraps(of_rdms: list[Size], of_activations: list[Size]) -> Plan:
    kinds = ((kind, bootstrap_routine(kind)) for kind in KINDS)
    return [(one, of_activations if kind in NEEDS_UNITS else of_rdms) for kind, one in kinds]


QUICK = Scale(
    plan=[
        (RDMS["correlation"], _stimuli(100, 300, 1000, units=1000) + _units(10_000, 36_864)),
        *((RDMS[name], _stimuli(1000, units=1000)) for name in OTHER_DISTANCES),
        (CONSISTENCY, _stimuli(100, 300, 1000)),
        (CLUSTERING, _stimuli(300)),
        *_bootstraps(_stimuli(300), _stimuli(300, units=1000)),
        (RANDOM_CATEGORIES, _stimuli(300, units=1000)),
        (GROUPS, _stimuli(300)),
        *((layer_routine(name), _stimuli(100, units=1000)) for name in MEASURES),
        (MDS, _stimuli(100, 200, 400)),
    ],
    patience=Patience(limit=3.0, repeats=3, later=1.0),
)
_FOUR = _stimuli(100, 300, 1000, 3000)
DEFAULT = Scale(
    plan=[
        (
            RDMS["correlation"],
            _stimuli(100, 300, 1000, 3000, 10_000, units=1000) + _units(10_000, 36_864, 100_000),
        ),
        *(
            (RDMS[name], _stimuli(100, 1000, 3000, units=1000) + _units(10_000, 36_864))
            for name in OTHER_DISTANCES
        ),
        (STORED, _units(49_152)),
        (CONSISTENCY, _FOUR),
        (CLUSTERING, _FOUR),
        *_bootstraps(_FOUR[:3], _stimuli(100, 300, 1000, units=1000)),
        (RANDOM_CATEGORIES, _stimuli(100, 300, 1000, units=1000) + _units(3000, 10_000)),
        (GROUPS, _FOUR[:3]),
        (layer_routine("linear CKA"), _stimuli(100, 300, 1000, units=1000) + _units(10_000)),
        *(
            (layer_routine(name), _stimuli(100, 300, units=1000))
            for name in MEASURES
            if name != "linear CKA"
        ),
        (MDS, _FOUR[:3]),
    ],
    patience=Patience(limit=40.0),
)
_FIVE = _stimuli(100, 300, 1000, 3000, 10_000)
FULL = Scale(
    plan=[
        *(
            (
                routine,
                _stimuli(100, 300, 1000, 3000, 10_000, units=1000)
                + _units(10_000, 36_864, 100_000, stimuli=100)
                + _units(10_000, 36_864, 100_000)
                + _stimuli(3000, 10_000, units=10_000),
            )
            for routine in RDMS.values()
        ),
        (STORED, _units(49_152)),
        (CONSISTENCY, _FIVE),
        (CLUSTERING, _FIVE),
        *_bootstraps(_FOUR, _stimuli(100, 300, 1000, 3000, units=1000)),
        (RANDOM_CATEGORIES, _stimuli(100, 300, 1000, 3000, units=1000) + _units(3000, 10_000)),
        (GROUPS, _FOUR),
        *(
            (layer_routine(name), _stimuli(100, 300, 1000, units=1000) + _units(3000, 10_000))
            for name in MEASURES
        ),
        (MDS, _FOUR),
    ],
    patience=Patience(limit=120.0),
)
SCALES: Mapping[str, Scale] = MappingProxyType({"quick": QUICK, "default": DEFAULT, "full": FULL})


@dataclass(frozen=True)
class AnalysisBench:
    """Every figure of a run, and where it comes from.

    Attributes:
        scale: a name of `SCALES`.
        machine: plain values of `describe_machine`, with the load at the end as well.
        rows: a row for each routine, size and tool.
        growth: exponents, where there were sizes enough.
    """

    scale: str
    machine: Mapping[str, Any]
    rows: list[Row]
    growth: list[Growth]


def bench_analysis(scale: str = "default", progress: Progress | None = None) -> AnalysisBench:
    """Measure all analyses of this package beside the tools people use now.

    Args:
        scale: `quick` (about a minute on two cores), `default` (some minutes) or `full`.
        progress: is told about each job.

    Raises:
        InputError: an unknown scale.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    machine = describe_machine(VERSIONED)
    rows = run_jobs(SCALES[scale].plan, SCALES[scale].patience, progress)
    return AnalysisBench(scale, {**machine, "load_at_the_end": load()}, rows, fit_growth(rows))


def as_plain(bench: AnalysisBench) -> dict[str, Any]:
    """The same as dictionaries and lists, for JSON."""
    return {"bench": "analysis", **dataclasses.asdict(bench)}


def missing_tools(bench: AnalysisBench) -> list[str]:
    """What to give to `pip install` for the tools that were not there."""
    missing = {row.tool for row in bench.rows if row.note == NOT_INSTALLED}
    return [package for tool, package in RIVALS.items() if tool in missing]

"""The benchmark of the analyses: which are measured at which sizes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ensemble_rsa.bench.bootstraps import BOOTSTRAPS
from ensemble_rsa.bench.case import Case
from ensemble_rsa.bench.inputs import Routine
from ensemble_rsa.bench.layers import LAYERS
from ensemble_rsa.bench.measure import Patience
from ensemble_rsa.bench.rdms import RDMS, STORED_RDM
from ensemble_rsa.bench.run import Bench, Progress, measure_all
from ensemble_rsa.bench.statistics import CLUSTERING, CONSISTENCY, GROUPS, MDS, RANDOM_CATEGORIES
from ensemble_rsa.errors import unknown_name


class Scale(NamedTuple):
    """What is measured, and how long it may take."""

    cases: list[Case]
    patience: Patience


def _cases(*plan: tuple[list[Routine], tuple[int, ...], tuple[int, ...]]) -> list[Case]:
    """Cases from routines, numbers of stimuli, and numbers of units."""
    return [
        case
        for routines, stimuli, units in plan
        for routine in routines
        for case in routine.cases(stimuli, units)
    ]


_RDM, *_OTHER_RDMS = RDMS.values()
_BOOTSTRAPS = list(BOOTSTRAPS.values())
_CKA, *_OTHER_LAYERS = LAYERS.values()
_FOUR = (100, 300, 1000, 3000)
_FIVE = (*_FOUR, 10_000)
QUICK = Scale(
    _cases(
        ([_RDM], (100, 300, 1000), (10_000, 36_864)),
        (_OTHER_RDMS, (1000,), ()),
        ([CONSISTENCY], (100, 300, 1000), ()),
        ([CLUSTERING, *_BOOTSTRAPS, RANDOM_CATEGORIES, GROUPS], (300,), ()),
        ([_CKA, *_OTHER_LAYERS], (100,), ()),
        ([MDS], (100, 200, 400), ()),
    ),
    Patience(repeats=3, seconds=1.0, limit=3.0),
)
DEFAULT = Scale(
    _cases(
        ([_RDM], _FIVE, (10_000, 36_864, 100_000)),
        (_OTHER_RDMS, (100, 1000, 3000), (10_000, 36_864)),
        ([STORED_RDM], (), (49_152,)),
        ([CONSISTENCY, CLUSTERING], _FOUR, ()),
        (_BOOTSTRAPS, _FOUR[:3], ()),
        ([RANDOM_CATEGORIES], _FOUR[:3], (3000, 10_000)),
        ([GROUPS], _FOUR[:3], ()),
        ([_CKA], _FOUR[:3], (10_000,)),
        (_OTHER_LAYERS, (100, 300), ()),
        ([MDS], _FOUR[:3], ()),
    ),
    Patience(limit=40.0),
)
FULL = Scale(
    _cases(
        ([_RDM, *_OTHER_RDMS], _FIVE, (10_000, 36_864, 100_000)),
        ([STORED_RDM], (), (49_152,)),
        ([CONSISTENCY, CLUSTERING], _FIVE, ()),
        (_BOOTSTRAPS, _FOUR, ()),
        ([RANDOM_CATEGORIES], _FOUR, (3000, 10_000)),
        ([GROUPS, MDS], _FOUR, ()),
        ([_CKA, *_OTHER_LAYERS], _FOUR[:3], (3000, 10_000)),
    ),
    Patience(limit=120.0),
)
SCALES: Mapping[str, Scale] = MappingProxyType({"quick": QUICK, "default": DEFAULT, "full": FULL})


def bench_analysis(
    scale: str = "default", progress: Progress = lambda done, total, what: None
) -> Bench:
    """Measure all analyses of this package beside the tools people use now.

    Args:
        scale: `quick` (about a minute on two cores), `default` (some minutes) or `full`.
        progress: called before each case.

    Raises:
        InputError: an unknown scale.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    cases, patience = SCALES[scale]
    return measure_all("analysis", scale, [lambda rows: cases], len(cases), patience, progress)

"""Figs S5 and S6 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): rotations and distances.

Simulated patterns, no networks. The next layer could undo a rotation, but not every distance is
invariant to it; `ensemble_rsa.reproduce.rotation` derives which are.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.figures.paper.rotations import draw_rotations
from ensemble_rsa.figures.wording import DISTANCE_NAMES
from ensemble_rsa.rdm.build import compute_rdm
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.reproduce.experiment import EXACT, Experiment, Finding, Picture
from ensemble_rsa.reproduce.measures import statistics_attributes
from ensemble_rsa.reproduce.rotation import (
    LARGEST_ABOUT_ORIGIN,
    patterns_in_discs,
    patterns_in_wedges,
    rotate,
    rounding_bound,
)
from ensemble_rsa.reproduce.workspace import Workspace
from ensemble_rsa.rng import host_stream

N_SETS, N_STIMULI, N_UNITS = 20, 100, 20
N_STEPS = 13  # angles from 0 to the largest
N_EXAMPLE = 12  # points of two units in the first panel
EXAMPLE = ("correlation", "cosine")  # distances that the third panel shows


class RotationCentre(NamedTuple):
    """A point to rotate about; angles are in degrees."""

    figure: str
    words: str
    largest: float
    judged: float  # the angle of the findings
    effects: tuple[str, ...]  # distances that the paper finds to change
    unchanged: tuple[str, ...]


_ORIGIN = float(np.rad2deg(LARGEST_ABOUT_ORIGIN))
ROTATION_CENTRES: Mapping[str, RotationCentre] = MappingProxyType(
    {
        "centre": RotationCentre(
            "s5", "about the centre of the patterns", 180.0, 90.0,
            ("correlation", "cosine"), ("euclidean",),
        ),
        "origin": RotationCentre(
            "s6", "about the origin", _ORIGIN, _ORIGIN,
            ("correlation",), tuple(name for name in DISTANCES if name != "correlation"),
        ),
    }
)  # fmt: skip


def simulate(n_sets: int, n_stimuli: int, n_units: int, n_steps: int) -> xr.Dataset:
    """Rotate several sets of random patterns by several angles.

    Returns:
        `angle (about, step)`, degrees; `consistency (about, distance, step, set)`, r² of the RDMs
        before and after; `change (about, distance, step, set)`, the largest of a distance;
        `rounding (about, distance)`, a bound on what rounding contributes to it; `shuffle_change`
        and `shuffle_rounding (distance)`, the same for a random order of units; `example (about,
        state, stimulus, unit)`, patterns of two units, rotated about `example_centre (about,
        unit)`; `distance_before, distance_after (about, shown, stimulus_pair)`, of the first set
        at the angle of the findings.
    """
    parts = [_rotations(about, n_sets, n_stimuli, n_units, n_steps) for about in ROTATION_CENTRES]
    found = xr.concat(parts, xr.Variable("about", list(ROTATION_CENTRES)))
    sizes = {"n_sets": n_sets, "n_points": n_stimuli, "n_units": n_units}
    # default statistics at every scale: nothing here needs to be smaller
    return found.merge(_shuffled(n_sets, n_stimuli, n_units)).assign_attrs(
        sizes, **statistics_attributes(StatisticsConfig())
    )


def _rotations(about: str, n_sets: int, n_stimuli: int, n_units: int, n_steps: int) -> xr.Dataset:
    """One value of `about`."""
    patterns, centres = _sets(about, n_sets, n_stimuli, n_units)
    angles = np.linspace(0, ROTATION_CENTRES[about].largest, n_steps)
    judged = np.deg2rad(ROTATION_CENTRES[about].judged)
    rotated = [rotate(patterns, np.deg2rad(angle), centres) for angle in angles]
    consistencies, change, rounding = [], [], []
    for distance in DISTANCES:
        before = _rdms(patterns, distance)
        after = np.stack([_rdms(one, distance) for one in rotated])  # (step, set, stimulus_pair)
        pairs = np.stack([np.broadcast_to(before, after.shape), after], axis=-2)
        consistencies.append(consistency(pairs)[..., 0])
        change.append(np.abs(after - before).max(-1))
        rounding.append(rounding_bound(patterns, distance, float(before.min())))
    first = {"before": patterns[0], "after": rotate(patterns[0], judged, centres[0])}
    example, centre = (part[0] for part in _sets(about, 1, N_EXAMPLE, 2))
    both = np.stack([example, rotate(example, judged, centre)])
    found = xr.Dataset(
        {
            "angle": ("step", angles),
            "consistency": (("distance", "step", "set"), np.stack(consistencies)),
            "change": (("distance", "step", "set"), np.stack(change)),
            "rounding": ("distance", rounding),
            "example": (("state", "stimulus", "unit"), both),
            "example_centre": ("unit", centre[0]),
        },
        coords={"distance": list(DISTANCES), "shown": list(EXAMPLE), "state": list(first)},
    )
    for state, shown in first.items():
        rows = np.stack([_rdms(shown, distance) for distance in EXAMPLE])
        found[f"distance_{state}"] = (("shown", "stimulus_pair"), rows)
    return found


def _sets(about: str, n_sets: int, n_stimuli: int, n_units: int) -> tuple[np.ndarray, np.ndarray]:
    """Patterns `(set, stimulus, unit)`, and the centres of rotation `(set, 1, unit)`."""
    sets, centres = [], []
    for number in range(n_sets):
        generator = host_stream(number, f"patterns turned about the {about}")
        if about == "centre":
            patterns, centre = patterns_in_discs(n_stimuli, n_units, generator)
        else:
            patterns, centre = patterns_in_wedges(n_stimuli, n_units, generator), np.zeros(n_units)
        sets.append(patterns)
        centres.append(centre[None])
    return np.stack(sets), np.stack(centres)


def _shuffled(n_sets: int, n_stimuli: int, n_units: int) -> xr.Dataset:
    """By how much distances change when the order of units changes."""
    patterns, _ = _sets("centre", n_sets, n_stimuli, n_units)
    order = host_stream(0, "order of units").permutation(n_units)
    change, rounding = [], []
    for distance in DISTANCES:
        before, after = _rdms(patterns, distance), _rdms(patterns[..., order], distance)
        change.append(np.abs(after - before).max())
        rounding.append(rounding_bound(patterns, distance, float(before.min())))
    return xr.Dataset(
        {"shuffle_change": ("distance", change), "shuffle_rounding": ("distance", rounding)},
        coords={"distance": list(DISTANCES)},
    )


def _rdms(patterns: np.ndarray, distance: str) -> np.ndarray:
    return np.asarray(compute_rdm(patterns, distance, "float64"))


def findings(result: xr.Dataset) -> list[Finding]:
    """What changes, as 1 − r²; what does not, as the bound on rounding minus the largest change.

    Both are properties of the distances: they hold for every simulated set, or they do not.
    """
    found = []
    for about, (figure, words, _, judged, effects, unchanged) in ROTATION_CENTRES.items():
        chosen = result.sel(about=about)
        step = int(np.abs(chosen.angle.values - judged).argmin())
        turn = f"rotation by {judged:.0f}° {words}: smallest 1 − consistency with before"
        for distance in effects:
            change = 1 - chosen.consistency.sel(distance=distance).isel(step=step)
            quantity = f"{turn}, {DISTANCE_NAMES[distance]}"
            note = f"of {change.size} simulated sets; mean {float(change.mean()):.2f}"
            found.append(Finding(figure, quantity, float(change.min()), note=note, interval=EXACT))
        for distance in unchanged:
            of = chosen.sel(distance=distance)
            what = f"{DISTANCE_NAMES[distance]}, rotations {words}"
            found.append(_unchanged(figure, what, float(of.change.max()), float(of.rounding)))
    for distance in DISTANCES:
        of = result.sel(distance=distance)
        what = f"{DISTANCE_NAMES[distance]}, units in another order"
        found.append(_unchanged("s6", what, float(of.shuffle_change), float(of.shuffle_rounding)))
    return found


def _unchanged(figure: str, what: str, change: float, rounding: float) -> Finding:
    """Rounding may change the distance by more than it was found to change."""
    quantity, margin = f"rounding minus largest change of a {what}", rounding - change
    note = f"changed by {change:.0e} at most; bound on rounding {rounding:.0e} in float64"
    return Finding(figure, quantity, margin, note=note, interval=EXACT)


def caption_values(result: xr.Dataset, about: str) -> dict[str, object]:
    """Sample sizes, and the angle of panels (a) and (c) in degrees."""
    sizes = {name: result.attrs[name] for name in ("n_sets", "n_points", "n_units")}
    return {**sizes, "angle": ROTATION_CENTRES[about].judged}


def measure(work: Workspace) -> xr.Dataset:
    """The simulation at its full size, at every scale."""
    return simulate(N_SETS, N_STIMULI, N_UNITS, N_STEPS)


_PICTURES = {
    name: Picture(partial(draw_rotations, about=about), partial(caption_values, about=about))
    for name, about in (("s5", "centre"), ("s6", "origin"))
}
EXPERIMENT = Experiment("rotations", (), measure, findings, _PICTURES)

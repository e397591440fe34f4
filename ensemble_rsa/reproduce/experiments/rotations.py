"""Figs S5 and S6: what a rotation that the next layer could undo does to distances.

Simulated patterns, no networks: which rotation leaves which distance alone is worked out in
`ensemble_rsa.reproduce.rotation`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.figures.paper.rotations import draw_about_centre, draw_about_origin
from ensemble_rsa.figures.wording import DISTANCE_NAMES
from ensemble_rsa.rdm.build import compute_rdm
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, mean_of_instances
from ensemble_rsa.reproduce.measures import settings_of
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
EXAMPLE = ("correlation", "cosine")  # whose distances before and after are kept


class About(NamedTuple):
    """A point to turn about.

    Attributes:
        figure: which shows it.
        words: for it.
        largest: of the angles, degrees.
        judged: the angle of the findings, degrees.
        changed: distances that should change, so that all others should not.
    """

    figure: str
    words: str
    largest: float
    judged: float
    changed: tuple[str, ...]


_ORIGIN = float(np.rad2deg(LARGEST_ABOUT_ORIGIN))
ABOUTS: Mapping[str, About] = MappingProxyType(
    {
        "centre": About(
            "s5", "about the centre of the patterns", 180.0, 90.0,
            ("correlation", "cosine", "unit_euclidean", "norm_difference"),
        ),
        "origin": About("s6", "about the origin", _ORIGIN, _ORIGIN, ("correlation",)),
    }
)  # fmt: skip


def measure(work: Workspace) -> xr.Dataset:
    """Consistency of RDMs before and after rotations, and by how much distances change."""
    settings = StatisticsConfig()  # not the scale's: there is nothing to make smaller
    return simulate(N_SETS, N_STIMULI, N_UNITS, N_STEPS).assign_attrs(
        n_resamples=settings.n_resamples, confidence=settings.confidence, seed=settings.seed
    )


def simulate(n_sets: int, n_stimuli: int, n_units: int, n_steps: int) -> xr.Dataset:
    """Rotate several sets of random patterns by several angles.

    Returns:
        `angle (about, step)`, degrees; `consistency (about, distance, step, set)`, r² of the RDMs
        before and after; `change (about, distance, step, set)`, the largest of a distance;
        `rounding (about, distance)`, how much of it rounding may make; `shuffle_change` and
        `shuffle_rounding (distance)` for a random order of units; `example (about, state,
        stimulus, unit)`, patterns of two units, turned about `example_centre (about, unit)`;
        `distance_before, distance_after (about, shown,
        stimulus_pair)`, of the first set at the angle that is judged.
    """
    parts = [_rotations(about, n_sets, n_stimuli, n_units, n_steps) for about in ABOUTS]
    rotated = xr.concat(parts, xr.Variable("about", list(ABOUTS)))
    return rotated.merge(_shuffled(n_sets, n_stimuli, n_units)).assign_attrs(
        n_sets=n_sets, n_points=n_stimuli, n_units=n_units
    )


def _rotations(about: str, n_sets: int, n_stimuli: int, n_units: int, n_steps: int) -> xr.Dataset:
    """One value of `about`."""
    patterns, centres = _sets(about, n_sets, n_stimuli, n_units)
    angles = np.linspace(0, ABOUTS[about].largest, n_steps)
    turned = [rotate(patterns, np.deg2rad(angle), centres) for angle in angles]
    judged = rotate(patterns[0], np.deg2rad(ABOUTS[about].judged), centres[0])
    shared, change, rounding = [], [], []
    for distance in DISTANCES:
        before = _rdms(patterns, distance)
        after = np.stack([_rdms(one, distance) for one in turned])  # (step, set, stimulus_pair)
        pairs = np.stack([np.broadcast_to(before, after.shape), after], axis=-2)
        shared.append(consistency(pairs)[..., 0])
        change.append(np.abs(after - before).max(-1))
        rounding.append(rounding_bound(patterns, distance, float(before.min())))
    example, example_centre = _example(about)
    return xr.Dataset(
        {
            "angle": ("step", angles),
            "consistency": (("distance", "step", "set"), np.stack(shared)),
            "change": (("distance", "step", "set"), np.stack(change)),
            "rounding": ("distance", rounding),
            "example": (("state", "stimulus", "unit"), example),
            "example_centre": ("unit", example_centre),
            "distance_before": (
                ("shown", "stimulus_pair"), np.stack([_rdms(patterns[0], d) for d in EXAMPLE]),
            ),
            "distance_after": (
                ("shown", "stimulus_pair"), np.stack([_rdms(judged, d) for d in EXAMPLE]),
            ),
        },
        coords={"distance": list(DISTANCES), "shown": list(EXAMPLE), "state": ["before", "after"]},
    )  # fmt: skip


def _sets(about: str, n_sets: int, n_stimuli: int, n_units: int) -> tuple[np.ndarray, np.ndarray]:
    """Patterns `(set, stimulus, unit)`, and what each set is turned about, `(set, 1, unit)`."""
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


def _example(about: str) -> tuple[np.ndarray, np.ndarray]:
    """A few points of two units, before and after, and what they are turned about."""
    patterns, centres = _sets(about, 1, N_EXAMPLE, 2)
    turned = rotate(patterns, np.deg2rad(ABOUTS[about].judged), centres)
    return np.concatenate([patterns, turned]), centres[0, 0]


def _shuffled(n_sets: int, n_stimuli: int, n_units: int) -> xr.Dataset:
    """By how much distances change when units are put in another order."""
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
    """What the paper says changes, as 1 − r²; what should not, by how much rounding exceeds it."""
    return [
        *_about_findings(result, "centre", ("correlation", "cosine")),
        *_about_findings(result, "origin", ("correlation",)),
        *(
            _unchanged(
                "s6",
                f"largest change of a {DISTANCE_NAMES[distance]}, units in another order",
                float(result.shuffle_change.sel(distance=distance)),
                float(result.shuffle_rounding.sel(distance=distance)),
            )
            for distance in DISTANCES
        ),
    ]


def _about_findings(result: xr.Dataset, about: str, effects: tuple[str, ...]) -> list[Finding]:
    figure, words, _, judged, changed = ABOUTS[about]
    chosen = result.sel(about=about)
    step = int(np.abs(chosen.angle.values - judged).argmin())
    turn = f"rotation by {judged:.0f}° {words}"
    note = f"{result.sizes['set']} simulated sets of patterns, resampled"
    return [
        *(
            mean_of_instances(
                figure,
                f"{turn}: 1 − consistency with before, {DISTANCE_NAMES[distance]}",
                1 - chosen.consistency.sel(distance=distance).isel(step=step).values,
                settings_of(result),
                effect=True,
                note=note,
            )
            for distance in effects
        ),
        *(
            _unchanged(
                figure,
                f"largest change of a {DISTANCE_NAMES[distance]}, rotations {words}",
                float(chosen.change.sel(distance=distance).max()),
                float(chosen.rounding.sel(distance=distance)),
            )
            for distance in DISTANCES
            if distance not in changed
        ),
    ]


def _unchanged(figure: str, quantity: str, change: float, rounding: float) -> Finding:
    """An effect for what should stay as it is: rounding may make more of it than there is."""
    margin = rounding - change
    return Finding(
        figure, f"rounding minus {quantity}", margin, margin, margin, effect=True,
        note=f"changed by {change:.0e} at most; rounding alone may make {rounding:.0e} in float64",
    )  # fmt: skip


def caption_centre(result: xr.Dataset) -> str:
    """What Fig. S5 shows."""
    return (
        "Rotations within the positive orthant, about the centre of the patterns. (a) Patterns of "
        "two units before (open) and after (filled) a rotation by 90°. All lie in a disc around "
        "their centre (+) that crosses no axis, so that no angle makes an activation negative. "
        "Distances between points stay; the angle between two of them, seen from the origin "
        f"(lines), does not. {_other_panels(result, 'centre')} That the paper's rotation is about "
        "another point than the origin is our reading: one about the origin leaves cosine "
        "distances as they are."
    )


def caption_origin(result: xr.Dataset) -> str:
    """What Fig. S6 shows."""
    return (
        "Rotations within the positive orthant, about the origin. (a) Patterns of two units before "
        "(open) and after (filled) a rotation by 30°. All lie within 15° of the diagonal (dashed), "
        "so that angles up to 30° keep them positive. Angles seen from the origin (lines) stay. "
        "Correlation takes away the mean over units, which with two units leaves only the side of "
        f"the diagonal that a pattern is on, and that changes. {_other_panels(result, 'origin')}"
    )


def _other_panels(result: xr.Dataset, about: str) -> str:
    n_sets, n_stimuli, n_units = (result.attrs[name] for name in ("n_sets", "n_points", "n_units"))
    return (
        f"(b) {n_sets} random sets of {n_stimuli} patterns of {n_units} units, turned alike in "
        "every plane of two units: shared variance (r²) of RDMs before and after, by angle; lines: "
        "means of the sets, shades: their range. (c) Every distance of the first set before and "
        f"after a rotation by {ABOUTS[about].judged:.0f}°."
    )


EXPERIMENT = Experiment(
    "rotations",
    (),
    measure,
    findings,
    {
        "s5": Picture(
            "Rotations in the positive orthant change correlation and cosine distances",
            draw_about_centre,
            caption_centre,
        ),
        "s6": Picture(
            "Rotations about the origin change correlation distances alone",
            draw_about_origin,
            caption_origin,
        ),
    },
)

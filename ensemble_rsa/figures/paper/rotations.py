"""Figs S5 and S6 of the paper: rotations in the positive orthant, distances before and after."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from ensemble_rsa.figures import style
from ensemble_rsa.figures.style import GREY, INK
from ensemble_rsa.figures.target import Panels, several_panels

# Label, colour, width and dashes: lines that coincide differ in width and dashes.
_LOOKS = {
    "correlation": ("correlation", style.BLUE, 2.2, "-"),
    "cosine": ("cosine", style.VERMILION, 2.2, "-"),
    "euclidean": ("Euclidean", INK, 0.9, "-"),
    "unit_euclidean": ("unit-length Euclidean", style.PURPLE, 1.4, (0, (3, 2))),
    "norm_difference": ("norm difference", style.GREEN, 1.4, (0, (1, 1.5))),
}


@style.paper_style()
def draw_rotations(result: xr.Dataset, about: str, figure: Panels | None = None) -> Panels:
    """Rotations about the patterns' `centre` or the `origin`: two units, consistency, distances.

    `result` needs `angle (about, step)`, `consistency (about, distance, step, set)`, `example
    (about, state, stimulus, unit)`, `example_centre (about, unit)` and `distance_before,
    distance_after (about, shown, stimulus_pair)`.

    They are drawn on `figure` (or a sub-figure), which is returned, or on a new one.
    """
    chosen = result.sel(about=about)
    figure = several_panels(figure, style.DOUBLE_COLUMN, 2.75, gap=0.04)
    example, course, change = figure.subplots(1, 3)
    _draw_example(example, chosen)
    if about == "centre":
        x, y = chosen.example_centre.values
        example.add_patch(
            Circle((x, y), min(x, y), fill=False, color=GREY, linewidth=0.6, linestyle="--")
        )
        example.plot(x, y, marker="+", color=INK, markersize=6, linestyle="", label="centre")
    else:
        example.axline((0, 0), slope=1, color=GREY, linewidth=0.8, linestyle="--", label="diagonal")
    _draw_course(course, chosen)
    _draw_change(change, chosen)
    for axes, letter in ((example, "a"), (course, "b"), (change, "c")):
        style.set_ticks(axes)
        style.add_letter(axes, letter)
    style.add_legend(figure, course.get_lines(), 5, handlelength=2.4)
    return figure


def _draw_example(axes: Axes, chosen: xr.Dataset) -> None:
    before = chosen.example.sel(state="before").values
    directions = np.arctan2(before[:, 1], before[:, 0])
    pair = [int(directions.argmin()), int(directions.argmax())]  # the widest angle
    for state, fill in (("before", "white"), ("after", INK)):
        points = chosen.example.sel(state=state).values
        axes.scatter(
            *points.T, s=12, facecolors=fill, edgecolors=INK, linewidths=0.7, zorder=3, label=state
        )
        colour, dashes = (INK, "-") if state == "after" else (GREY, (0, (2, 2)))
        for point in points[pair]:
            axes.plot([0, point[0]], [0, point[1]], color=colour, linewidth=0.7, linestyle=dashes)
    axes.set_aspect("equal", adjustable="box")
    limit = 1.08 * float(chosen.example.max())
    axes.set(xlim=(0, limit), ylim=(0, limit))
    axes.set_xlabel("Activation of unit 1")
    axes.set_ylabel("Activation of unit 2")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, columnspacing=0.8)


def _draw_course(axes: Axes, chosen: xr.Dataset) -> None:
    """Consistency by angle: the mean of all sets, and their range."""
    angles = chosen.angle.values
    for distance in chosen.distance.values.tolist():
        values = chosen.consistency.sel(distance=distance).transpose("step", "set").values
        label, colour, width, dashes = _LOOKS[distance]
        axes.fill_between(
            angles, values.min(1), values.max(1), color=colour, alpha=0.15, linewidth=0
        )
        axes.plot(
            angles, values.mean(1), color=colour, linewidth=width, linestyle=dashes, label=label
        )
    axes.set_xlim(0, angles[-1])
    axes.set_ylim(0, 1.02)
    axes.set_xticks(np.linspace(0, angles[-1], 5 if angles[-1] > 90 else 4))
    axes.set_xlabel("Angle of rotation (degrees)")
    axes.set_ylabel("Consistency of RDMs\nbefore and after (r²)")


def _draw_change(axes: Axes, chosen: xr.Dataset) -> None:
    for distance in chosen.shown.values.tolist():
        before = chosen.distance_before.sel(shown=distance).values
        after = chosen.distance_after.sel(shown=distance).values
        axes.scatter(
            before, after, s=2, color=_LOOKS[distance][1], alpha=0.35, linewidths=0,
            rasterized=True, label=distance,
        )  # fmt: skip
    limit = 1.05 * max(float(chosen.distance_before.max()), float(chosen.distance_after.max()))
    axes.axline((0, 0), slope=1, color=GREY, linewidth=0.6, zorder=0)
    axes.set(xlim=(0, limit), ylim=(0, limit))
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlabel("Distance before")
    axes.set_ylabel("Distance after")

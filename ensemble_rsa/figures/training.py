"""Training curves of all instances."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ensemble_rsa.figures import style
from ensemble_rsa.figures.style import FLAGGED, INK
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import noted_instances

PANELS = (
    ("train_loss", "Training loss (nats)"),
    ("train_accuracy", "Training accuracy"),
    ("test_accuracy", "Test accuracy"),
)
ORDINARY = "#7fa8c9"
_DASHES = ("--", ":", "-.")
_MOST_NAMED = 6


@style.paper_style()
def draw_training(
    history: xr.Dataset,
    flagged: Sequence[Mapping[str, Any]] = (),
    title: str | None = None,
    figure: Panels | None = None,
) -> Panels:
    """Loss, training and test accuracy over epochs: a line per instance, the mean of the unflagged.

    `history` has `train_loss, train_accuracy, test_accuracy (epoch, instance)`, NaN for epochs that
    were not evaluated; a variable that is missing leaves its panel out. Instances that are
    `flagged` (`instance`, `seed`, `reason`) are named. They are drawn on `figure` (or a
    sub-figure), which is returned, or on a new one.
    """
    panels = [(name, label) for name, label in PANELS if name in history]
    noted = noted_instances(history, flagged)
    handles = _legend_handles(history.sizes["instance"] - len(noted), noted)
    n_columns = 2 if len(handles) > 3 or len(noted) > 1 else 3  # names of two fill a row
    n_rows = math.ceil(len(handles) / n_columns)
    height = 2.15 + 0.14 * n_rows + (0.15 if title else 0.0)
    figure = several_panels(figure, style.DOUBLE_COLUMN, height, title)
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True)
    for axes, (name, label) in zip(grid[0], panels, strict=True):
        _draw_panel(axes, history[name], list(noted))
        axes.set_ylabel(label)
    style.add_legend(figure, handles, n_columns)
    return figure


def _draw_panel(axes: Axes, curves: xr.DataArray, marked: list[int]) -> None:
    epochs = curves.epoch.values
    ordinary = [int(number) for number in curves.instance.values if int(number) not in marked]
    for number in ordinary + marked:
        values = curves.sel(instance=number).values
        known = np.isfinite(values)
        look: dict[str, Any] = {"color": ORDINARY, "linewidth": 0.6, "zorder": 1}
        if number in marked:
            look = {**_marked_style(marked.index(number)), "zorder": 3}
        marker = "." if known.sum() < 12 else ""
        label = f"instance {number}"
        axes.plot(epochs[known], values[known], marker=marker, markersize=3, label=label, **look)
    if len(ordinary) > 1:
        mean = curves.sel(instance=ordinary).mean("instance", skipna=False).values
        known = np.isfinite(mean)
        axes.plot(epochs[known], mean[known], color=INK, linewidth=1.2, zorder=2, label="mean")
    _set_scale(axes, curves)
    style.set_ticks(axes)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _set_scale(axes: Axes, curves: xr.DataArray) -> None:
    if "accuracy" in str(curves.name):
        axes.set_ylim(0.0, 1.02)
        return
    if is_steep(curves):
        style.set_log_scale(axes)
    else:
        axes.set_ylim(bottom=0.0)


def is_steep(curves: xr.DataArray) -> bool:
    """Whether losses fall by so many orders of magnitude that a linear axis shows them as flat."""
    if "accuracy" in str(curves.name):
        return False
    values = curves.values[np.isfinite(curves.values)]
    return bool(len(values) and values.min() > 0 and values.max() / values.min() > 20)


def _legend_handles(n_ordinary: int, noted: Mapping[int, Mapping[str, Any]]) -> list[Line2D]:
    handles = []
    if n_ordinary:
        handles.append(Line2D([], [], color=ORDINARY, linewidth=0.8, label="one instance"))
    if n_ordinary > 1:
        mean = f"mean of {n_ordinary} instances"
        handles.append(Line2D([], [], color=INK, linewidth=1.2, label=mean))
    for place, (number, entry) in enumerate(list(noted.items())[:_MOST_NAMED]):
        seed = f" (seed {entry['seed']})" if entry.get("seed") is not None else ""
        reason = str(entry.get("reason", "flagged"))
        reason = reason if len(reason) <= 45 else f"{reason[:44]}…"
        label = f"instance {number}{seed}: {reason}"
        handles.append(Line2D([], [], **_marked_style(place), label=label))
    if len(noted) > _MOST_NAMED:
        more = f"and {len(noted) - _MOST_NAMED} more flagged"
        handles.append(Line2D([], [], linestyle="", label=more))
    return handles


def _marked_style(place: int) -> dict[str, Any]:
    dashes = _DASHES[place % len(_DASHES)]
    return {"color": FLAGGED, "linewidth": 1.1, "linestyle": dashes}

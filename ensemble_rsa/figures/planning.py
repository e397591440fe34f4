"""Expected interval width and power at other numbers of instances and stimuli."""

import numpy as np
import xarray as xr

from ensemble_rsa.figures import style
from ensemble_rsa.figures.style import GREY
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import percent

_COLOURS = (style.BLUE, style.GREEN, style.VERMILION, style.INK)
_MARKERS = ("o", "s", "^", "D")


@style.paper_style()
def draw_plan(plan: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Width of the interval and power by number of instances: a line for each number of stimuli.

    `plan` is from `ensemble_rsa.plan`, of one layer. Dashed lines are of other
    networks that see the same stimuli. With a reference, the lines are numbers of subjects, at the
    stimuli of the pilot or the number next to it. At most four numbers are drawn, on
    `figure` (or a sub-figure), which is returned, or on a new one.
    """
    with_subjects = "n_subjects" in plan.dims
    lines = "n_subjects" if with_subjects else "n_stimuli"
    if with_subjects:
        plan = plan.sel(n_stimuli=plan.attrs["pilot_stimuli"], method="nearest")
    figure = several_panels(figure, style.DOUBLE_COLUMN, 2.6)
    left, right = figure.subplots(1, 2)
    instances = plan.n_instances.values
    places = np.arange(len(instances))
    handles = []
    for i, m in enumerate(plan[lines].values[: len(_COLOURS)]):
        chosen = plan.sel({lines: m})
        look = {"color": _COLOURS[i], "marker": _MARKERS[i], "markersize": 3, "linewidth": 0.8}
        handles += left.plot(places, chosen.width, label=f"{m} {lines[2:]}", **look)
        if not with_subjects:
            left.plot(places, chosen.width_instances, linestyle="--", **look)
        right.plot(places, chosen.power, **look)
    right.axhline(0.8, color=GREY, linewidth=0.6, zorder=0)
    of = "similarity" if with_subjects else "r²"
    left.set_ylabel(f"Expected width of the\n{percent(plan)} % interval ({of})")
    right.set_ylabel(f"Power to find a\ndifference of {plan.attrs['difference']:g}")
    left.set_ylim(0, None)
    right.set_ylim(0, 1.02)
    for axes in (left, right):
        axes.set_xticks(places, [str(n) for n in instances])
        axes.set_xlabel("Instances" if axes is left or with_subjects else "Instances in each group")
    style.add_legend(figure, handles, len(handles))
    return figure

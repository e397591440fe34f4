"""How well each layer predicts brains or behaviour, beside the noise ceiling."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import draw_intervals
from ensemble_rsa.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY_BLUE, VERMILION
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import COMPARISON_NAMES, percent

_COLOURS = (BLUE, VERMILION, GREEN, SKY_BLUE, PURPLE, ORANGE, GREY)
_BAND = "#e4e4e4"


@style.paper_style()
def draw_evaluation(evaluation: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Similarity with the reference (a), share of the ceiling (b), and sources of uncertainty (c).

    `evaluation` is from `evaluate_run`. It is drawn on `figure` (or a sub-figure), which is
    returned, or on a new one.
    """
    figure = several_panels(figure, style.DOUBLE_COLUMN, 2.7, gap=0.04)
    panels = figure.subplots(1, 3)
    names = style.layer_names(evaluation, 12)
    for axes, letter, draw in zip(
        panels, "abc", (_draw_similarity, _draw_share, _draw_components), strict=True
    ):
        draw(axes, evaluation)
        style.set_layer_axis(axes, names, style.DOUBLE_COLUMN / 3 - 0.5)
        style.add_letter(axes, letter)
    style.add_legend(figure, _handles(evaluation), 3)
    return figure


def _draw_similarity(axes: Axes, evaluation: xr.Dataset) -> None:
    x = np.arange(evaluation.sizes["layer"])
    lower, upper = (float(evaluation[f"subject_ceiling_{end}"]) for end in ("lower", "upper"))
    if np.isfinite([lower, upper]).all():
        axes.axhspan(lower, upper, color=_BAND, linewidth=0, zorder=0)
    draw_intervals(axes, x, evaluation.low.values, evaluation.high.values, BLUE)
    axes.plot(
        x, evaluation["mean"].values, color=BLUE, marker="o", markersize=3.5, linewidth=0.8,
        zorder=4,
    )  # fmt: skip
    between = evaluation.instance_ceiling_lower.values
    if np.isfinite(between).any():
        axes.plot(
            x, between, color=INK, marker="D", markersize=2.6, linewidth=0.6, linestyle="--",
        )  # fmt: skip
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    axes.set_ylim(top=max(1.0, axes.get_ylim()[1]))
    axes.set_ylabel(f"Similarity of RDMs\n({COMPARISON_NAMES[evaluation.attrs['comparison']]})")


def _handles(evaluation: xr.Dataset) -> list[Line2D | Patch]:
    """Entries of the legend for what the first two panels show."""
    networks = Line2D(
        [], [], color=BLUE, marker="o", markersize=3.5, linewidth=0.8,
        label=f"networks, mean and {percent(evaluation)} % CI",
    )  # fmt: skip
    others = Line2D(
        [], [], color=INK, marker="D", markersize=2.6, linewidth=0.6, linestyle="--",
        label="one network from the others",
    )  # fmt: skip
    ceiling = Patch(color=_BAND, label="noise ceiling of the subjects")
    known = (
        (networks, True),
        (others, bool(np.isfinite(evaluation.instance_ceiling_lower.values).any())),
        (ceiling, bool(np.isfinite(evaluation.subject_ceiling_lower.values).all())),
    )
    return [handle for handle, is_drawn in known if is_drawn]


def _draw_share(axes: Axes, evaluation: xr.Dataset) -> None:
    x, lower = np.arange(evaluation.sizes["layer"]), float(evaluation.subject_ceiling_lower)
    axes.axhline(100, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
    axes.set_ylabel("Share of the lower bound of\nthe subjects' ceiling (%)")
    if not lower > 0:
        return
    share = 100 * evaluation.share_of_ceiling.values
    axes.bar(x, share, color=SKY_BLUE, width=0.7, zorder=1)
    low, high = (100 * evaluation[end].values / lower for end in ("low", "high"))
    draw_intervals(axes, x, low, high, INK)


def _draw_components(axes: Axes, evaluation: xr.Dataset) -> None:
    x, bottom = np.arange(evaluation.sizes["layer"]), np.zeros(evaluation.sizes["layer"])
    handles = []
    for place, name in enumerate(evaluation.component.values):
        height = 100 * evaluation.component_share.isel(component=place).values
        look = {
            "facecolor": _COLOURS[place % len(_COLOURS)],
            "hatch": "" if "×" not in str(name) else "///",
            "edgecolor": "white",
            "linewidth": 0.3,
        }
        axes.bar(x, height, 0.7, bottom, **look)
        handles.append(Patch(label=str(name), **look))
        bottom = bottom + height
    axes.set_ylim(0, 100)
    axes.set_ylabel("Share of the variance\nof the mean (%)")
    axes.legend(
        handles=handles[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=5.5,
        handlelength=1.2,
    )  # fmt: skip

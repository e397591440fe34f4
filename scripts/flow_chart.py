"""Draw which interval, test and comparison answers which question.

    python scripts/flow_chart.py            writes docs/images/flow_chart.png

One row for each condition under which a call is the right one. `docs/howto/intervals.md` shows
the chart and explains its rows.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes

from ensemble_rsa.figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    VERMILION,
    new_figure,
    paper_style,
)

# Question, colour, and what the conclusion is about → what to call.
CHART = (
    (
        "How much do networks\nof one kind agree?",
        BLUE,
        {
            "other networks, these stimuli": "bootstrap_consistency("
            'over="instances",\ninterval="jackknife")',
            "other stimuli, these networks": 'bootstrap_consistency(over="stimuli")',
            "other networks and other stimuli": "bootstrap_consistency("
            'over="both",\ninterval="jackknife")',
            "none: as in the captions of the paper": 'bootstrap_consistency(over="pairs")',
        },
    ),
    (
        "Do two kinds of\nnetworks differ?",
        VERMILION,
        {
            "in anything but the seed": "compare_groups: within_minus_between\n(permutations)",
            "in geometry, not only in noise": "compare_groups: between_over_within\n"
            "(jackknife, 1 under noise alone)",
            "in how consistent they are": "compare_groups: a_minus_b\n(Welch's t on pseudo-values)",
        },
    ),
    (
        "How well do networks\npredict brains or\nbehaviour?",
        GREEN,
        {
            "other networks, people and stimuli": 'evaluate(over=("instances", "subjects",\n'
            '"stimuli")): mean, low, high, p',
            "a factor with fewer than 3 levels\n(stimuli: 5), or all there are": "leave it out of "
            "over: it is fixed,\nand the result is about these",
            "one layer or model against another": "evaluate: differences\n"
            "(same draws, FDR over pairs)",
            "as well as people predict each other": "evaluate: p_ceiling, share_of_ceiling",
        },
    ),
    (
        "How many do I need\nthe next time?",
        PURPLE,
        {
            "networks and stimuli, from a pilot": "plan(rdms): width, power",
            "networks, people and stimuli": "plan(rdms, reference): width, power",
        },
    ),
    (
        "By what are two RDMs\ncompared?\n(comparison=)",
        ORANGE,
        {
            "distances on one scale, linear relation": "pearson (squared: as in the paper)",
            "only their order; models with ties": "rho_a, or tau_a",
            "distances of one stimulus share noise": "corr_cov, or cosine_cov where\n"
            "distances of 0 mean no difference",
            "a distance of 0 means no difference": "cosine",
        },
    ),
)
HEADS = ("Question", "The conclusion is about …", "Call")
LEFT, RIGHT = (0.0, 2.25, 4.75), (1.75, 4.45, 7.2)  # of the three columns, inches
ROW, GAP = 0.4, 0.18


def main() -> None:
    """Draw the chart."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images/flow_chart.png"))
    options = parser.parse_args()
    height = sum(ROW * len(rows) + GAP for *_, rows in CHART) + 0.35
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, height)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(-0.05, 7.25)
        axes.set_ylim(height, 0)
        axes.axis("off")
        for left, head in zip(LEFT, HEADS, strict=True):
            axes.text(left + 0.05, 0.17, head, color=INK, weight="bold", va="center", fontsize=8)
        top = 0.35
        for question, colour, rows in CHART:
            draw_question(axes, top, question, colour, rows)
            top += ROW * len(rows) + GAP
        figure.savefig(options.out, dpi=200)
    print(options.out)


def draw_question(
    axes: Axes, top: float, question: str, colour: str, rows: Mapping[str, str]
) -> None:
    """Draw a question, and a row for each condition, joined by lines."""
    middle = top + ROW * len(rows) / 2
    box(axes, 0, middle, ROW * len(rows) - 0.08, question, colour, weight="bold")
    turn = (RIGHT[0] + LEFT[1]) / 2
    centres = [top + ROW * (i + 0.5) for i in range(len(rows))]
    axes.plot([RIGHT[0], turn], [middle, middle], color=GREY, linewidth=0.8)
    axes.plot([turn, turn], [centres[0], centres[-1]], color=GREY, linewidth=0.8)
    for centre, (condition, call) in zip(centres, rows.items(), strict=True):
        box(axes, 1, centre, ROW - 0.08, condition, colour)
        box(axes, 2, centre, ROW - 0.08, call, colour, family="monospace", fontsize=5.6)
        for start, end in ((turn, LEFT[1]), (RIGHT[1], LEFT[2])):
            axes.annotate(
                "", (end, centre), (start, centre),
                arrowprops={"arrowstyle": "-|>", "color": GREY, "linewidth": 0.8, "shrinkA": 0,
                            "shrinkB": 0, "mutation_scale": 6},
            )  # fmt: skip


def box(
    axes: Axes, column: int, centre: float, height: float, text: str, colour: str, **font: object
) -> None:
    """Draw a text in a box with a coloured edge."""
    left, right = LEFT[column], RIGHT[column]
    axes.fill(
        [left, right, right, left],
        [centre - height / 2] * 2 + [centre + height / 2] * 2,
        facecolor=(*_rgb(colour), 0.1), edgecolor=colour, linewidth=0.8,
    )  # fmt: skip
    options = {"color": INK, "va": "center", "fontsize": 6.6, "linespacing": 1.15} | font
    axes.text(left + 0.07, centre, text, **options)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


if __name__ == "__main__":
    main()

"""Draw the main numbers of the tables in benchmarks/README.md.

python scripts/speed_chart.py            writes docs/images/speed.png
"""

import argparse
from pathlib import Path

from matplotlib.axes import Axes

from ensemble_rsa.figures.style import BLUE, DOUBLE_COLUMN, GREY, new_figure, paper_style

TABLES = Path(__file__).parents[1] / "benchmarks" / "README.md"
# Rows of the tables, and what they are called in the figure.
TRAINING = {
    "instances 1": "1 network", "instances 4": "4 networks", "instances 10": "10 networks",
    "instances 32": "32 networks", "width 0.5": "4, half the channels",
    "width 0.25": "4, a quarter of the channels",
}  # fmt: skip
ANALYSES = {
    "RDM, euclidean, 1,000 × 10,000": "Euclidean RDM, 10,000 units",
    "consistency, 10 instances, 1,000": "consistency",
    "bootstrap of consistency over instances, 1,000": "bootstrap over instances",
    "bootstrap of consistency over stimuli, 1,000": "bootstrap over stimuli",
    "bootstrap of consistency over both, 1,000": "bootstrap over both",
}


def rows() -> dict[str, list[str]]:
    """The first cell of each row of the tables → its other cells; of equal ones, the first row."""
    lines = [line for line in TABLES.read_text(encoding="utf-8").splitlines() if "|" in line]
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    return {first: others for first, *others in reversed(cells)}


def number(cell: str) -> float:
    """The first number of a cell, such as ~239 of `~239, 283 MiB`."""
    return float(cell.split(", ")[0].split(" (")[0].replace(",", "").lstrip("~"))


def draw_bars(axes: Axes, names: list[str], values: list[float], label: str) -> None:
    """Horizontal bars from 1, the speed of the other tool."""
    axes.barh(names, [value - 1 for value in values], left=1, color=BLUE, height=0.6)
    for place, value in enumerate(values):
        axes.annotate(
            f" {value:.2f}" if value < 10 else f" {value:,.0f}", (max(value, 1), place), va="center"
        )
    axes.axvline(1, color=GREY, linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.tick_params(axis="y", length=0)


def main() -> None:
    """Write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images/speed.png"))
    known = rows()
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.2)
        left, right = figure.subplots(1, 2)
        ratios = [number(known[name][3]) for name in TRAINING]
        draw_bars(left, list(TRAINING.values()), ratios, "Images per second, relative to PyTorch")
        left.set_xlim(0.8, 1.8)
        ratios = [number(known[name][7]) for name in ANALYSES]
        draw_bars(right, list(ANALYSES.values()), ratios, "Seconds of rsatoolbox, relative to ours")
        right.set_xscale("log")
        right.set_xlim(0.7, 40_000)
        right.set_xticks([1, 10, 100, 1000, 10_000], ["1", "10", "100", "1,000", "10,000"])
        right.minorticks_off()
        for axes, letter in ((left, "a"), (right, "b")):
            axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
        path = parser.parse_args().out
        figure.savefig(path, dpi=200)
    print(path)


if __name__ == "__main__":
    main()

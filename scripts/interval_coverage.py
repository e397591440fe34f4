"""Simulate how often 95 % intervals contain the true mean consistency.

    python scripts/interval_coverage.py            writes docs/interval_coverage.png, prints a table

The RDM of each simulated instance is a pattern shared by all instances plus noise of its own,
whose SD is 0.6 times exp of a normal number of SD 0.5. The true value is the mean consistency of
the pairs among very many such instances.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_pairs
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    PNG_DPI,
    SINGLE_COLUMN,
    VERMILION,
    new_figure,
    paper_style,
    set_ticks,
)

N_INSTANCES = (3, 4, 5, 6, 8, 10, 15, 20)
N_STIMULI = 32
MANY = 1500  # instances for the true value
WAYS = {  # over, interval, and how the line is drawn
    "pairs": (
        "pairs",
        "percentile",
        {"color": VERMILION, "marker": "^", "markersize": 3.5},
    ),
    "instances": (
        "instances",
        "percentile",
        {"color": BLUE, "marker": "o", "markersize": 4.5},
    ),
    "instances, BCa": (
        "instances",
        "bca",
        {"color": GREEN, "marker": "s", "markersize": 2.2, "linestyle": "--"},
    ),
    "instances, jackknife": (
        "instances",
        "jackknife",
        {"color": INK, "marker": "D", "markersize": 3.0},
    ),
}


def main() -> None:
    """Simulate, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=2000, help="per number of instances")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("docs/interval_coverage.png"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    shared = rng.normal(size=N_STIMULI * (N_STIMULI - 1) // 2)
    truth = consistency(simulated_rdms(rng, shared, MANY)).mean()
    coverage = {way: [] for way in WAYS}
    width = {way: [] for way in WAYS}
    for n_instances in N_INSTANCES:
        # All experiments of a call share their resamples, so they are spread over several seeds.
        parts = np.array_split(np.arange(arguments.experiments), 20)
        stacks = [
            consistency(simulated_rdms(rng, shared, len(part), n_instances)) for part in parts
        ]
        for way, (over, interval, _) in WAYS.items():
            results = [
                bootstrap_pairs(values, over, arguments.resamples, seed=seed, interval=interval)
                for seed, values in enumerate(stacks)
            ]
            low = np.concatenate([result.low for result in results])
            high = np.concatenate([result.high for result in results])
            coverage[way].append(((low <= truth) & (truth <= high)).mean())
            width[way].append(np.median(high - low))
    print_table(truth, coverage, width)
    draw(coverage).savefig(arguments.out, dpi=PNG_DPI)
    print(arguments.out)


def simulated_rdms(rng: np.random.Generator, shared: np.ndarray, *shape: int) -> np.ndarray:
    """Condensed RDMs `(*shape, stimulus_pair)`, possibly negative, which r² does not depend on."""
    noise = 0.6 * np.exp(0.5 * rng.normal(size=(*shape, 1)))
    return (shared + noise * rng.normal(size=(*shape, shared.size))).astype(np.float32)


def print_table(truth: float, coverage: dict[str, list], width: dict[str, list]) -> None:
    """Print coverage and median width by number of instances."""
    print(f"true mean consistency {truth:.3f}; coverage in %, median width in brackets")
    print("instances " + "".join(f"{way:>22}" for way in WAYS))
    for i, n_instances in enumerate(N_INSTANCES):
        cells = [f"{100 * coverage[way][i]:8.1f} ({width[way][i]:.3f})" for way in WAYS]
        print(f"{n_instances:9} " + "".join(f"{cell:>22}" for cell in cells))


@paper_style()
def draw(coverage: dict[str, list]) -> Figure:
    """Draw coverage by number of instances, one line for each kind of resampling."""
    figure = new_figure(SINGLE_COLUMN, 2.4)
    axes = figure.add_subplot()
    axes.axhline(95, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
    for way, (_, _, line) in WAYS.items():
        axes.plot(
            range(len(N_INSTANCES)), 100 * np.array(coverage[way]), label=f"over {way}", **line
        )
    set_ticks(axes)
    axes.set_xticks(range(len(N_INSTANCES)), [str(n) for n in N_INSTANCES])
    axes.set_ylim(0, 100)
    axes.set_xlabel("Instances in the experiment")
    axes.set_ylabel("95 % intervals that\ncover the true mean (%)")
    axes.legend(loc="lower left")
    return figure


if __name__ == "__main__":
    main()

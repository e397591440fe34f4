"""Simulate how often 95 % intervals contain the true mean consistency.

    python scripts/interval_coverage.py      writes docs/images/interval_coverage.png, prints tables

The RDM of each simulated instance is a pattern shared by all instances plus noise of its own, whose
SD is lognormal; in the last model one instance in ten is dead: noise alone. The true value is the
mean consistency of the pairs among very many such instances. About two minutes on one core.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_pairs
from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    GREY,
    INK,
    PNG_DPI,
    VERMILION,
    add_legend,
    new_figure,
    paper_style,
    set_ticks,
)

N_INSTANCES = (3, 4, 5, 6, 8, 10, 15, 20)
N_STIMULI = 32
MANY = 1500  # instances for the true value
MODELS = {  # median noise, spread of its logarithm, share of dead instances
    "noise of one kind": (0.6, 0.5, 0.0),
    "wide spread of noise": (0.25, 0.8, 0.0),
    "one in ten is dead": (0.15, 0.5, 0.1),
}
WAYS = {  # over, interval, and how the line is drawn
    "pairs": ("pairs", "percentile", {"color": VERMILION, "marker": "^", "markersize": 3.5}),
    "instances": ("instances", "percentile", {"color": BLUE, "marker": "o", "markersize": 4.5}),
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
    parser.add_argument("--out", type=Path, default=Path("docs/images/interval_coverage.png"))
    arguments = parser.parse_args()
    found = {}
    for name, model in MODELS.items():
        found[name] = simulate(*model, arguments.experiments, arguments.resamples)
        print_table(name, *found[name])
    figure = draw({name: coverage for name, (_, coverage, _) in found.items()})
    figure.savefig(arguments.out, dpi=PNG_DPI)
    print(arguments.out)


def simulate(
    noise: float, spread: float, dead: float, n_experiments: int, n_resamples: int
) -> tuple[float, dict[str, list], dict[str, list]]:
    """Return the true mean, and coverage and median width of each way by number of instances."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=N_STIMULI * (N_STIMULI - 1) // 2)
    draw_rdms = lambda *shape: simulated_rdms(rng, shared, noise, spread, dead, *shape)
    truth = consistency(draw_rdms(MANY)).mean()
    coverage = {way: [] for way in WAYS}
    width = {way: [] for way in WAYS}
    for n_instances in N_INSTANCES:
        # All experiments of a call share their resamples, so they are spread over several seeds.
        parts = np.array_split(np.arange(n_experiments), 20)
        stacks = [consistency(draw_rdms(len(part), n_instances)) for part in parts]
        for way, (over, interval, _) in WAYS.items():
            results = [
                of_way(values, over, interval, n_resamples, seed)
                for seed, values in enumerate(stacks)
            ]
            low = np.concatenate([result.low for result in results])
            high = np.concatenate([result.high for result in results])
            coverage[way].append(((low <= truth) & (truth <= high)).mean())
            width[way].append(np.nanmedian(high - low))
    return float(truth), coverage, width


def of_way(values: np.ndarray, over: str, interval: str, n_resamples: int, seed: int) -> Bootstrap:
    """One kind of interval of several experiments; NaN where BCa is undefined."""
    try:
        return bootstrap_pairs(values, over, n_resamples, seed=seed, interval=interval)
    except InputError:  # in one of the experiments
        if len(values) == 1:
            return Bootstrap(values.mean(-1), *np.full((2, 1), np.nan), values, 0)
        each = [of_way(one[None], over, interval, n_resamples, seed) for one in values]
        low, high = ([getattr(one, end)[0] for one in each] for end in ("low", "high"))
        return Bootstrap(values.mean(-1), np.array(low), np.array(high), values, 0)


def simulated_rdms(
    rng: np.random.Generator,
    shared: np.ndarray,
    noise: float,
    spread: float,
    dead: float,
    *shape: int,
) -> np.ndarray:
    """Condensed RDMs `(*shape, stimulus_pair)`, possibly negative, which r² does not depend on."""
    size = noise * np.exp(spread * rng.normal(size=(*shape, 1)))
    alive = rng.random(size=(*shape, 1)) >= dead
    return (alive * shared + size * rng.normal(size=(*shape, shared.size))).astype(np.float32)


def print_table(name: str, truth: float, coverage: dict[str, list], width: dict[str, list]) -> None:
    """Print coverage and median width by number of instances."""
    print(f"{name}: true mean consistency {truth:.3f}; coverage in %, median width in brackets")
    print("instances " + "".join(f"{way:>22}" for way in WAYS))
    for i, n_instances in enumerate(N_INSTANCES):
        cells = [f"{100 * coverage[way][i]:8.1f} ({width[way][i]:.3f})" for way in WAYS]
        print(f"{n_instances:9} " + "".join(f"{cell:>22}" for cell in cells), flush=True)


@paper_style()
def draw(coverages: dict[str, dict[str, list]]) -> Figure:
    """Draw coverage by number of instances: a panel for each model, a line for each interval."""
    figure = new_figure(DOUBLE_COLUMN, 2.6)
    panels = figure.subplots(1, len(coverages), sharey=True)
    handles = []
    for axes, (name, coverage) in zip(panels, coverages.items(), strict=True):
        axes.axhline(95, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
        handles = [
            axes.plot(
                range(len(N_INSTANCES)), 100 * np.array(coverage[way]), label=f"over {way}", **line
            )[0]
            for way, (_, _, line) in WAYS.items()
        ]
        set_ticks(axes)
        axes.set_xticks(range(len(N_INSTANCES)), [str(n) for n in N_INSTANCES])
        axes.set_ylim(0, 100)
        axes.set_title(name)
    panels[1].set_xlabel("Instances in the experiment")
    panels[0].set_ylabel("95 % intervals that\ncover the true mean (%)")
    add_legend(figure, handles, len(handles))
    return figure


if __name__ == "__main__":
    main()

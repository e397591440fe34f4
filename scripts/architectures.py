"""Draw the consistency of runs of different architectures by relative depth, and print a table.

    python scripts/architectures.py --out figure.png \
        'no augmentation:All-CNN-C=runs/cnn' 'no augmentation:ResNet-20=runs/resnet'

Each argument is PANEL:LABEL=RUN, a run that `ensemble-rsa analyze` has analysed, or an .nc file
that `--keep` has stored: what is drawn of a run, without the run. Relative depth is 0 in the first
recorded layer and 1 in the last. Bars are 95 % intervals over instances (jackknife).
"""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import xarray as xr

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.lines import CONSISTENCY_LABEL, draw_intervals
from ensemble_rsa.figures.style import BLUE, GREEN, ORANGE, SKY_BLUE, VERMILION
from ensemble_rsa.files import read_dataset, write_dataset

LOOKS = ((BLUE, "o"), (SKY_BLUE, "v"), (VERMILION, "s"), (ORANGE, "D"), (GREEN, "^"))
DRAWN = (
    "consistency_mean", "consistency_low", "consistency_high", "train_accuracy", "test_accuracy",
)  # fmt: skip
SHIFT = 0.008  # between lines, so that their bars stand apart


class Group(NamedTuple):
    """An ensemble: its panel, its label, and what `analyze` found."""

    panel: str
    label: str
    results: xr.Dataset


def main() -> None:
    """Read all runs, print the table, and draw one panel for each name of a panel."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="PANEL:LABEL=RUN|FILE.nc")
    parser.add_argument("--out", type=Path, default=Path("architectures.png"))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to store what is drawn")
    options = parser.parse_args()
    try:
        groups = [read_group(text) for text in options.runs]
    except InputError as error:
        parser.error(str(error))
    if options.keep:
        keep_groups(groups, options.keep)
    print_table(groups)
    panels = list(dict.fromkeys(group.panel for group in groups))
    labels = list(dict.fromkeys(group.label for group in groups))
    if len(labels) > len(LOOKS):
        parser.error(f"expected at most {len(LOOKS)} labels, got {', '.join(labels)}")
    figure, axes = plt.subplots(
        1, len(panels), figsize=(3.6 * len(panels), 3.6), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    lines: dict[str, Line2D] = {}
    for group in groups:
        panel = axes[0, panels.index(group.panel)]
        lines[group.label] = draw_group(panel, group, labels.index(group.label))
    for panel, name in zip(axes[0], panels, strict=True):
        panel.set(title=name, xlabel="Relative depth", ylim=(0, 1.02), xlim=(-0.05, 1.05))
    figure.legend(
        handles=list(lines.values()), frameon=False, fontsize="small", ncols=3,
        loc="outside lower center",
    )  # fmt: skip
    axes[0, 0].set_ylabel(CONSISTENCY_LABEL)
    figure.savefig(options.out, dpi=200)
    print(options.out)


def read_group(text: str) -> Group:
    """The run that an argument names, or what `keep_groups` has stored of one.

    Raises:
        InputError: an argument of another form, or a run that has not been analysed.
    """
    if text.endswith(".nc"):
        return read_kept(Path(text))
    name, equals, run = text.partition("=")
    panel, colon, label = name.partition(":")
    if not (equals and colon and panel and label):
        raise InputError(f"runs: expected PANEL:LABEL=RUN, got {text!r}")
    file = Path(run) / "results.nc"
    return Group(panel, label, read_dataset(file, "analyse the run first"))


def read_kept(file: Path) -> Group:
    """What `keep_groups` has stored."""
    results = read_dataset(file, "store it with --keep")
    if not {"panel", "label"} <= set(results.attrs):
        raise InputError(f"runs: {file}: expected a file that --keep has stored")
    return Group(results.panel, results.label, results)


def keep_groups(groups: list[Group], folder: Path) -> None:
    """Store what is drawn of each group in a file of a few kilobytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for panel, label, results in groups:
        drawn = [name for name in DRAWN if name in results]
        name = re.sub(r"\W+", "_", f"{label} {panel}".lower())
        kept = results[drawn].assign_attrs(panel=panel, label=label)
        write_dataset(folder / f"{name}.nc", kept)


def draw_group(axes: plt.Axes, group: Group, place: int) -> Line2D:
    """Draw the exemplar consistency of an ensemble from its first layer to its last."""
    colour, marker = LOOKS[place]
    found = exemplar(group.results)
    x = np.linspace(0, 1, found.sizes["layer"]) + SHIFT * place
    draw_intervals(axes, x, found.low.values, found.high.values, colour)
    (line,) = axes.plot(
        x, found["mean"], color=colour, marker=marker, markersize=4, linewidth=1,
        label=group.label,
    )  # fmt: skip
    return line


def exemplar(results: xr.Dataset) -> xr.Dataset:
    """Mean exemplar consistency by layer with its interval over instances."""
    parts = {part: results[f"consistency_{part}"] for part in ("mean", "low", "high")}
    found = xr.Dataset(parts).sel(kind="exemplar")
    return found.sel(bootstrap="instances") if "bootstrap" in found.dims else found


def print_table(groups: list[Group]) -> None:
    """Print accuracies, and the consistency of the first, the middle, the last two layers."""
    print(
        "| networks | | n | training | test accuracy | first layer | middle | last but one | last |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for panel, label, results in groups:
        found = exemplar(results)
        n = found.sizes["layer"]
        cells = [
            f"{found['mean'].values[i]:.2f} [{found.low.values[i]:.2f}, {found.high.values[i]:.2f}]"
            for i in (0, n // 2, n - 2, n - 1)
        ]
        accuracies = [accuracy(results, name) for name in ("train_accuracy", "test_accuracy")]
        print(
            "|",
            " | ".join([label, panel, str(results.sizes["instance"]), *accuracies, *cells]),
            "|",
        )


def accuracy(results: xr.Dataset, name: str) -> str:
    """The lowest and the highest accuracy of an ensemble, where it is known."""
    if name not in results:
        return "–"
    return f"{results[name].values.min():.2f} to {results[name].values.max():.2f}"


if __name__ == "__main__":
    main()

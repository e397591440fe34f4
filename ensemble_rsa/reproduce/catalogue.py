"""All experiments, in the order of the paper."""

from collections.abc import Sequence

from ensemble_rsa.errors import InputError, shown, unknown_name
from ensemble_rsa.reproduce.experiment import Experiment
from ensemble_rsa.reproduce.experiments import (
    blank,
    categories,
    clustering,
    depth,
    dropout,
    geometry,
    images,
    rotations,
    second_level,
    trajectory,
)

EXPERIMENTS: tuple[Experiment, ...] = (
    geometry.EXPERIMENT,
    second_level.EXPERIMENT,
    depth.FIG4,
    images.EXPERIMENT,
    depth.FIG5,
    depth.FIG6,
    categories.EXPERIMENT,
    clustering.EXPERIMENT,
    rotations.EXPERIMENT,
    blank.EXPERIMENT,
    dropout.EXPERIMENT,
    trajectory.EXPERIMENT,
)


def figure_names() -> tuple[str, ...]:
    """The name of every figure, in the order of the experiments."""
    return tuple(name for experiment in EXPERIMENTS for name in experiment.pictures)


def experiments_of(figures: Sequence[str]) -> tuple[Experiment, ...]:
    """The experiments behind these figures (such as `fig4`, or `all`), in the paper's order."""
    if isinstance(figures, str) or not isinstance(figures, Sequence) or not figures:
        raise InputError(f"figures: expected a list such as ['fig4', 's4'], got {shown(figures)}")
    known = figure_names()
    for name in figures:
        if name not in (*known, "all"):
            raise unknown_name("figure", name, [*known, "all"])
    wanted = set(known if "all" in figures else figures)
    return tuple(one for one in EXPERIMENTS if wanted & set(one.pictures))

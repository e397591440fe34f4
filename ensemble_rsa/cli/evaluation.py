"""The command `evaluate`: the layers of a run against RDMs of brains or behaviour."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.table import Table

from ensemble_rsa.cli.options import Option
from ensemble_rsa.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

# Those of `ensemble_rsa.rdm.compare`, which takes a second to import.
ComparisonChoice = Literal[
    "rho_a", "pearson", "spearman", "cosine", "tau_a", "corr_cov", "cosine_cov", "rho_a_squared",
    "pearson_squared", "spearman_squared", "cosine_squared", "tau_a_squared", "corr_cov_squared",
    "cosine_cov_squared",
]  # fmt: skip
FactorChoice = Literal["instances", "subjects", "stimuli"]
_ALL: tuple[FactorChoice, ...] = ("instances", "subjects", "stimuli")
READING = (
    Option("variable", "of a .mat or .npz file in which several hold RDMs", str | None, None),
    Option("descriptor", "of stimuli, which holds their ids", str, "stimulus"),
    Option(
        "where",
        "which RDMs of the file, by their descriptors, such as name=monkeyIT",
        tuple[str, ...] | None,
        None,
    ),
    Option(
        "distance",
        "between patterns, where the file holds patterns; correlation when not given",
        str | None,
        None,
    ),
    Option("mask", "of images (NIfTI): the image of the voxels to read", Path | None, None),
    Option(
        "folds",
        "for --distance crossnobis: the descriptor of observations, such as a run",
        str | None,
        None,
    ),
)
_STATISTICS = (
    Option("comparison", "how two RDMs are compared", ComparisonChoice, "rho_a"),
    Option("over", "random factors; the others are fixed", tuple[FactorChoice, ...], _ALL),
    Option("n_resamples", "draws of stimuli", int, 1000),
    Option("confidence", "level of the intervals", float, 0.95),
    Option("seed", "seed of the draws", int, 0),
    Option("missing", "refuse or drop missing distances", Literal["refuse", "drop"], "refuse"),
    *READING,
    Option(
        "out",
        "where the results go; evaluation-REFERENCE in the run's folder when not given, with "
        "options of reading and comparing that differ from their defaults in its name",
        Path | None,
        None,
    ),
)
REFERENCE = Option(
    "reference",
    "RDMs or patterns of subjects: .h5 (rsatoolbox), .mat (structs with RDM and name; "
    "Meadows), .json (Meadows), .npy, .npz, .nii; {subject} in the path stands for several",
    Path | None,
    None,
)
OPTIONS = (
    REFERENCE,
    *_STATISTICS,
)


def evaluate(options: argparse.Namespace) -> None:
    """Compare the layers of an analysed run with RDMs of brains or behaviour."""
    from ensemble_rsa.pipeline.evaluate import evaluate_run

    if options.reference is None:
        raise InputError("reference: expected --reference and a file of RDMs, got none")
    given = {option.name: getattr(options, option.name) for option in _STATISTICS}
    result, path = evaluate_run(options.run, options.reference, **given | reading_of(options))
    show_evaluation(result, Console())
    print(path)


def reading_of(options: argparse.Namespace) -> dict[str, Any]:
    """How the reference is read, for `load_reference`."""
    given = {option.name: getattr(options, option.name) for option in READING}
    if given["where"] is not None:
        given["where"] = _chosen(given["where"])
    return given


def _chosen(words: Sequence[str]) -> dict[str, list[str]]:
    """Descriptors and their values, from words such as `name=monkeyIT`."""
    found: dict[str, list[str]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InputError(
                f"where: expected a descriptor and its value like name=monkeyIT, got {word!r}"
            )
        found.setdefault(name, []).append(value)
    return found


def show_evaluation(evaluation: "xr.Dataset", console: Console) -> None:
    """Print a table with a row for each layer, and the result in a sentence."""
    from ensemble_rsa.figures.wording import p_value
    from ensemble_rsa.report.evaluation import evaluation_sentence, evaluation_values

    values = evaluation_values(evaluation)
    head = ("layer", "similarity", f"{values['level']} % CI", "p", "% of ceiling", "one network")
    table = Table(*head, box=None, pad_edge=False)
    for row in values["rows"]:
        table.add_row(
            row["layer"],
            f"{row['mean']:.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            p_value(row["p_adjusted"]),
            _known(100 * row["share_of_ceiling"], ".0f"),
            _known(row["instance_ceiling_lower"], ".3f"),
        )
    console.print(table)
    console.print(
        f"{values['n_instances']} instances, {values['n_subjects']} subjects, "
        f"{values['n_stimuli']} stimuli; p: one-sided, adjusted over layers (false discovery "
        "rate); one network: how well the others predict it",
        soft_wrap=True,
    )
    console.print(evaluation_sentence(evaluation), soft_wrap=True, highlight=False)


def _known(value: float, digits: str) -> str:
    return format(value, digits) if value == value else "–"

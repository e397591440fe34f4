"""The command `plan`: how many networks, subjects and stimuli the next study needs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ensemble_rsa.cli.evaluation import READING, REFERENCE, ComparisonChoice, reading_of
from ensemble_rsa.cli.options import Option
from ensemble_rsa.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

_PILOT = "half, once, twice and four times those of the pilot when not given"
_NUMBERS = (
    Option("instances", "numbers of networks", tuple[int, ...] | None, None),
    Option("stimuli", f"numbers of stimuli; {_PILOT}", tuple[int, ...] | None, None),
    Option(
        "subjects",
        f"numbers of subjects, with --reference; {_PILOT}",
        tuple[int, ...] | None,
        None,
    ),
    Option(
        "difference",
        "for the power: of mean r² between two groups, or with --reference from a fixed value",
        float,
        0.05,
    ),
    Option("confidence", "of the intervals", float, 0.95),
    Option(
        "comparison",
        "with --reference, how two RDMs are compared; rho_a when not given",
        ComparisonChoice | None,
        None,
    ),
    Option(
        "out",
        "where the results go; plan, or plan-REFERENCE, in the run folder when not given",
        Path | None,
        None,
    ),
)
OPTIONS = (REFERENCE, *_NUMBERS, *READING)


def plan(options: argparse.Namespace) -> None:
    """Tell how wide intervals will be with more networks, subjects or stimuli, from a pilot."""
    from ensemble_rsa.pipeline.plan import plan_run

    given = {option.name: getattr(options, option.name) for option in _NUMBERS}
    given = {name: value for name, value in given.items() if value is not None}
    if options.reference is not None:
        given |= reading_of(options)
    else:
        changed = [each.name for each in READING if getattr(options, each.name) != each.default]
        if changed:
            raise InputError(f"{changed[0]}: expected --reference with it, got none")
    found, path = plan_run(options.run, options.reference, **given)
    show_plan(found, Console())
    print(path)


def show_plan(found: "xr.Dataset", console: Console) -> None:
    """Print the width of the interval and the power by numbers of networks and stimuli.

    With subjects, the columns are numbers of subjects, at the stimuli of the pilot or at the number
    next to it.
    """
    from ensemble_rsa.pipeline.plan import plan_sentence

    one = found.sel(layer=found.attrs["layer"])
    level = f"{100 * found.attrs['confidence']:g} %"
    if "n_subjects" in found.dims:
        table_of = one.sel(n_stimuli=found.attrs["pilot_stimuli"], method="nearest")
        columns, what, where = "n_subjects", "subjects", f", with {int(table_of.n_stimuli)} stimuli"
        of, shift = "the mean similarity to a subject", "from a fixed value"
    else:
        table_of, columns, what, where = one, "n_stimuli", "stimuli", ""
        of, shift = "mean r²", "between two groups"
    head = (f"{n} {what}" for n in found[columns].values.tolist())
    table = Table("networks", *head, box=None, pad_edge=False)
    for n in found.n_instances.values.tolist():
        row = table_of.sel(n_instances=n)
        cells = zip(row.width.values, row.power.values, strict=True)
        table.add_row(str(n), *(f"{width:.3f} ({power:.2f})" for width, power in cells))
    console.print(
        f"{found.attrs['layer']}: expected width of the {level} interval of {of}{where}, and in "
        f"brackets the power to find a difference of {found.attrs['difference']:g} {shift}",
        soft_wrap=True,
    )
    console.print(table)
    console.print(plan_sentence(one), soft_wrap=True)

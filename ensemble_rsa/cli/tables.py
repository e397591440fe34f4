"""The table of two ensembles in the terminal."""

import xarray as xr
from rich.console import Console
from rich.table import Table

from ensemble_rsa.cli.output import number
from ensemble_rsa.figures.wording import p_value, similarity_name
from ensemble_rsa.report.comparison import comparison_sentence


def show_comparison(comparison: xr.Dataset, console: Console) -> None:
    """Print a table of two ensembles with a row for each layer."""
    attributes = comparison.attrs
    names = [f"within {attributes[name]}" for name in ("name_a", "name_b")]
    head = ("layer", *names, "between", "p", "ratio", "p")
    table = Table(*head, box=None, pad_edge=False)
    for layer in comparison.layer.values:
        row = comparison.sel(layer=layer)
        value = lambda name, of=row: number(float(of[name]))
        means = [value(name) for name in ("within_a", "within_b", "between")]
        p, p_ratio = (
            p_value(float(row[f"{name}_p_adjusted"]))
            for name in ("within_minus_between", "between_over_within")
        )
        table.add_row(str(layer), *means, p, value("between_over_within"), p_ratio)
    console.print(table)
    console.print(
        f"similarity: {similarity_name(comparison)}; "
        f"{attributes['n_a']} and {attributes['n_b']} instances, "
        f"{'paired by seed' if attributes['paired'] else 'not paired'}, "
        f"{'all' if attributes['exact'] else 'random'} relabellings "
        f"({attributes['n_relabellings']}); p: of these, and of the ratio of the similarity "
        "between to that within, adjusted over layers (false discovery rate)",
        soft_wrap=True,
    )
    console.print(comparison_sentence(comparison), soft_wrap=True)

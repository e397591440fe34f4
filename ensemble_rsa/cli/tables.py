"""Tables of crossed seeds and of two ensembles in the terminal."""

import xarray as xr
from rich.console import Console
from rich.table import Table

from ensemble_rsa.cli.output import number
from ensemble_rsa.figures.wording import p_value, similarity_name
from ensemble_rsa.report.comparison import comparison_sentence


def show_crossed_seeds(results: xr.Dataset, console: Console) -> None:
    """Print shares of variance of crossed seeds, with a row for each layer."""
    names = results.seed_component.values.tolist()
    table = Table("layer", "variance (1 - r)", *names, box=None, pad_edge=False)
    for layer in results.layer.values:
        row = results.sel(layer=layer)
        shares = (number(float(share)) for share in row.seed_variance_share.values)
        table.add_row(str(layer), number(float(row.seed_variance.sum())), *shares)
    console.print(table)
    console.print(
        "variance of RDMs between networks, and the shares of its components (negative estimates "
        "count as 0)",
        soft_wrap=True,
    )


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

"""The result in a few sentences, saying what happened: a fall, a rise, or no clear change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.figures.wording import (
    accuracy_range,
    as_ranges,
    bounds,
    capitalize,
    distance_name,
    has_seeds,
    interval,
    of_model,
    percent,
)


@dataclass(frozen=True)
class Estimate:
    """Consistency of one layer: the mean over pairs, and its interval under both bootstraps."""

    layer: str
    mean: float
    pairs: tuple[float, float]
    instances: tuple[float, float]


def result_sentence(results: xr.Dataset, summary: Mapping[str, Any]) -> str:
    """Sentences ready for a paper: what consistency did from the first layer to the last.

    "Fell" and "rose" are said only where the intervals over instances, the wider ones, do not
    overlap; otherwise there was no clear change, and the sentence says so.

    Args:
        results: what `analyze` returns: `consistency_mean (kind, layer)` and its intervals.
        summary: the run's summary; its `dataset` and `excluded_instances` are used if present.

    Returns:
        Plain text, one to three sentences.
    """
    details = [
        f"seeds {as_ranges(results.seed.values)}" if has_seeds(results) else "",
        str(results.attrs.get("dataset") or summary.get("dataset") or ""),
        str(results.attrs.get("scale", "")),
    ]
    setting = "; ".join(words for words in details if words)
    n_stimuli = int(results.attrs.get("n_stimuli", results.sizes.get("stimulus", 0)))
    sentences = [
        f"Across {results.sizes['instance']} instances{of_model(results)}"
        f"{f' ({setting})' if setting else ''}, exemplar-based representational consistency "
        f"(shared variance of RDMs; {distance_name(results)}, {n_stimuli} stimuli) "
        f"{_course(results)}."
    ]
    closing = [words for words in (_centroids(results), _accuracy(results)) if words]
    if closing:
        sentences.append(f"{capitalize('; '.join(closing))}.")
    if unconverged := len(summary.get("flagged_instances") or []):
        n_instances = results.sizes["instance"]
        sentences.append(f"{unconverged} of {n_instances} instances had not converged.")
    if excluded := list(summary.get("excluded_instances") or []):
        sentences.append(_excluded(excluded, has_seeds(results)))
    return " ".join(sentences)


def _estimate(results: xr.Dataset, kind: str, layer: int) -> Estimate:
    chosen = results.sel(kind=kind).isel(layer=layer)

    def limits(bootstrap: str) -> tuple[float, float]:
        at = chosen.sel(bootstrap=bootstrap)
        return float(at.consistency_low), float(at.consistency_high)

    name, mean = str(chosen.layer.values), float(chosen.consistency_mean)
    return Estimate(name, mean, limits("pairs"), limits("instances"))


def _course(results: xr.Dataset) -> str:
    n_layers, n_pairs = results.sizes["layer"], results.sizes["instance_pair"]
    first, last = (_estimate(results, "exemplar", layer) for layer in (0, n_layers - 1))
    undefined = [value.layer for value in (first, last) if not np.isfinite(value.mean)]
    if undefined:
        return f"is not defined in {undefined[0]}, where some RDM has no variance"
    if n_layers == 1:
        return f"was r² = {_number(first, n_pairs)} in {first.layer} ({_basis(results, [first])})"
    start = f"r² = {_number(first, n_pairs)} in {first.layer}"
    end = f"{_number(last, n_pairs)} in {last.layer}"
    verb = "went" if n_pairs == 1 else _verb(first, last)  # one pair shows no trend
    if verb:
        clause = f"{verb} from {start} to {end}"
    else:
        clause = f"did not change clearly, with {start} and {end}"
    return f"{clause}{_detour(results, first, last)} ({_basis(results, [first, last])})"


def _verb(first: Estimate, last: Estimate) -> str | None:
    """`fell` or `rose` where the intervals are apart and the printed means differ."""
    if f"{first.mean:.2f}" == f"{last.mean:.2f}":
        return None
    (first_low, first_high), (last_low, last_high) = _widest(first), _widest(last)
    if last_high < first_low:
        return "fell"
    return "rose" if last_low > first_high else None


def _widest(value: Estimate) -> tuple[float, float]:
    for limits in (value.instances, value.pairs):
        if np.isfinite(limits).all():
            return limits
    return value.mean, value.mean


def _detour(results: xr.Dataset, first: Estimate, last: Estimate) -> str:
    """Name the layer in between that lies below or above both ends: the course may turn."""
    means = results.consistency_mean.sel(kind="exemplar").values
    ends = [f"{first.mean:.2f}", f"{last.mean:.2f}"]
    found = []
    for word, place in (
        ("lowest", int(np.nanargmin(means))),
        ("highest", int(np.nanargmax(means))),
    ):
        if 0 < place < len(means) - 1 and f"{means[place]:.2f}" not in ends:
            found.append(f"{word} in {results.layer.values[place]}, {means[place]:.2f}")
    return f", {' and '.join(found)}" if found else ""


def _number(value: Estimate, n_pairs: int) -> str:
    return f"{value.mean:.2f}" if n_pairs == 1 else interval(value.mean, *value.pairs)


def _basis(results: xr.Dataset, values: list[Estimate]) -> str:
    n_pairs = results.sizes["instance_pair"]
    if n_pairs == 1:
        return "one pair of instances, hence no interval"
    over = " and ".join(bounds(*value.instances) for value in values)
    level = f"{percent(results)} % bootstrap intervals"
    return f"{level} over the {n_pairs} instance pairs; over instances {over}"


def _centroids(results: xr.Dataset) -> str:
    if "centroid" not in results.kind.values:
        return ""
    value = _estimate(results, "centroid", results.sizes["layer"] - 1)
    if not np.isfinite(value.mean):
        return ""
    n_pairs = results.sizes["instance_pair"]
    wider = "" if n_pairs == 1 else f" (over instances {bounds(*value.instances)})"
    amount = _number(value, n_pairs)
    return f"centroid-based consistency of {value.layer} was r² = {amount}{wider}"


def _accuracy(results: xr.Dataset) -> str:
    if "test_accuracy" not in results or not np.isfinite(results.test_accuracy.values).any():
        return ""
    return f"test accuracy was {accuracy_range(results.test_accuracy.values)}"


def _excluded(excluded: list[Mapping[str, Any]], with_seeds: bool) -> str:
    seeds = [entry["seed"] for entry in excluded if entry.get("seed") is not None]
    named = f" (seed{'' if len(seeds) == 1 else 's'} {as_ranges(seeds)})" if seeds else ""
    named = named if with_seeds else ""
    if len(excluded) == 1:
        return f"One further instance{named} was excluded."
    return f"{len(excluded)} further instances{named} were excluded."

"""The numbers of the report as rows of text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.figures.wording import accuracy_range, bounds, has_seeds, noted_instances, number


def consistency_rows(results: xr.Dataset) -> list[dict[str, Any]]:
    """Per layer: for each kind the mean and both intervals, then the clustering index with its own.

    Args:
        results: `consistency_mean (kind, layer)` with its bounds `(bootstrap, kind, layer)`, and
            the clustering index `(layer)` where there is one.

    Returns:
        `layer`, `cells` (one per kind: `mean`, `pairs`, `instances`), and `clustering` (`mean`,
        `instances`) or None.
    """
    return [_row(results.sel(layer=layer)) for layer in results.layer.values]


def _row(at_layer: xr.Dataset) -> dict[str, Any]:
    cells = []
    for kind in at_layer.kind.values:
        cell = {"mean": number(float(at_layer.consistency_mean.sel(kind=kind)))}
        for bootstrap in ("pairs", "instances"):
            chosen = at_layer.sel(kind=kind, bootstrap=bootstrap)
            low, high = float(chosen.consistency_low), float(chosen.consistency_high)
            # Resampling the only pair there is gives that pair again: no interval, however narrow.
            several = at_layer.sizes["instance_pair"] > 1
            cell[bootstrap] = bounds(low, high, digits=3) if several else "[–]"
        cells.append(cell)
    row = {"layer": str(at_layer.layer.values), "cells": cells, "clustering": None}
    if "category_clustering_index_mean" in at_layer:
        mean, low, high = (
            float(at_layer[f"category_clustering_index_{part}"]) for part in ("mean", "low", "high")
        )
        row["clustering"] = {"mean": number(mean), "instances": bounds(low, high, digits=3)}
    return row


def accuracy_ranges(results: xr.Dataset) -> dict[str, str]:
    """Lowest to highest accuracy over instances, by name; empty for activations from elsewhere.

    >>> accuracy_ranges(xr.Dataset({"test_accuracy": ("instance", [0.9, 0.95])}))
    {'Test accuracy': '90.0–95.0 %'}
    """
    ranges = {}
    for name, variable in (
        ("Training accuracy", "train_accuracy"),
        ("Test accuracy", "test_accuracy"),
    ):
        if variable in results and np.isfinite(results[variable].values).any():
            ranges[name] = accuracy_range(results[variable].values)
    return ranges


def instance_rows(
    results: xr.Dataset, flagged: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """A row per analysed instance; none where neither accuracies nor flags are there to tell.

    Returns:
        `instance`, `seed`, `train_accuracy`, `test_accuracy` and `note`, all text.
    """
    if not accuracy_ranges(results) and not flagged:
        return []
    notes = noted_instances(results, flagged)
    rows = []
    for instance in results.instance.values:
        chosen = results.sel(instance=instance)
        row = {"instance": str(instance), "note": ""}
        if int(instance) in notes:
            row["note"] = str(notes[int(instance)].get("reason", "flagged"))
        row["seed"] = str(chosen.seed.values) if has_seeds(results) else "–"
        for name in ("train_accuracy", "test_accuracy"):
            value = float(chosen[name]) if name in chosen else float("nan")
            row[name] = f"{100 * value:.1f} %" if np.isfinite(value) else "–"
        rows.append(row)
    return rows


def constant_pattern_lines(results: xr.Dataset) -> list[str]:
    """A line for each layer in which some instance answered some stimulus with a constant pattern.

    >>> constant = xr.DataArray([[0, 3]], dims=("layer", "instance"), coords={"layer": ["conv9"]})
    >>> constant_pattern_lines(xr.Dataset({"constant_patterns": constant}))
    ['conv9: 3 in all, in 1 of 2 instances, at most 3 in one.']
    """
    if "constant_patterns" not in results:
        return []
    lines = []
    for layer in results.layer.values:
        counts = results.constant_patterns.sel(layer=layer).values
        if counts.any():
            where = f"in {int((counts > 0).sum())} of {len(counts)} instances"
            most = f"at most {int(counts.max())} in one"
            lines.append(f"{layer}: {int(counts.sum())} in all, {where}, {most}.")
    return lines

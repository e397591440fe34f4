"""Consistency by layer, of several networks and by several distances: what Figs 4 to 6 share.

Networks differ in layers, and may differ in how many instances can be compared. In one data set
they stand side by side along `network`, filled up with NaN; `of_network` takes one out again.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.config.settings import AnalysisConfig
from ensemble_rsa.errors import RunError
from ensemble_rsa.figures.wording import DISTANCE_NAMES, MODEL_NAMES, percent
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.reproduce.experiment import Finding, over_instances
from ensemble_rsa.reproduce.measures import attributes, settings_of, with_intervals
from ensemble_rsa.reproduce.paper import SURROGATE
from ensemble_rsa.reproduce.workspace import Workspace, rdms


def measure_profiles(
    work: Workspace, names: Sequence[str], distances: Sequence[str], settings: AnalysisConfig
) -> xr.Dataset:
    """Consistency of every layer by every distance, of one or several ensembles.

    Args:
        work: the workspace.
        names: ensembles of its scale, each of another model.
        distances: first-level distances.
        settings: stimuli and bootstrap.

    Returns:
        What `side_by_side` returns, with the seeds compared of each as an attribute.
    """
    profiles = {name: _profile(work, name, distances, settings) for name in names}
    seeds = {f"{name}_seeds": profile.attrs["seeds"] for name, profile in profiles.items()}
    return side_by_side(profiles).assign_attrs(seeds)


def _profile(
    work: Workspace, name: str, distances: Sequence[str], settings: AnalysisConfig
) -> xr.Dataset:
    """Consistency of one ensemble; of instances that can be compared by every distance."""
    values, seeds, layers, known = [], [], [], {}
    for distance in distances:  # one stack in memory at a time: at 1000 stimuli it is large
        stack = rdms(work, name, settings, distance=distance)
        values.append(consistency(stack.exemplar.values))
        seeds.append(stack.seed.values)
        layers, known = stack.layer.values.tolist(), attributes(stack, settings.statistics)
    shared = set.intersection(*(set(each.tolist()) for each in seeds))
    if len(shared) < 2:
        raise RunError(f"fewer than two instances of {name} can be compared by every distance")
    pairs = xr.DataArray(
        np.stack([pairs_of(each, own, shared) for each, own in zip(values, seeds, strict=True)]),
        dims=("distance", "layer", "instance_pair"),
        coords={"distance": list(distances), "layer": layers},
    )
    return (
        with_intervals(pairs, settings.statistics)
        .assign(surrogate=known["surrogate"], n_compared=len(shared))
        .assign_attrs(known | {"distance": ", ".join(distances), "seeds": sorted(shared)})
    )


def pairs_of(values: np.ndarray, seeds: np.ndarray, wanted: set[int]) -> np.ndarray:
    """Of values of all instance pairs, those of the pairs of some instances.

    Args:
        values: `(..., instance_pair)` in the order of `itertools.combinations`.
        seeds: of each instance.
        wanted: seeds of the instances to keep.

    >>> pairs_of(np.array([0.1, 0.2, 0.3]), np.array([4, 5, 6]), {4, 6}).tolist()
    [0.2]
    """
    first, second = pair_indices(len(seeds))
    among = np.isin(seeds, list(wanted))
    return values[..., among[first] & among[second]]


def side_by_side(profiles: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Profiles of several networks along `network`; NaN where one has no such layer or pair.

    Args:
        profiles: ensemble → consistency by distance, layer and pair, with both intervals.

    Returns:
        `consistency (network, distance, layer, instance_pair)`, `consistency_mean (network,
        distance, layer)` and `consistency_low, consistency_high (network, bootstrap, distance,
        layer)`; attributes are those of the first.
    """
    layers = dict.fromkeys(name for profile in profiles.values() for name in profile.layer.values)
    n_pairs = max(profile.sizes["instance_pair"] for profile in profiles.values())
    same_shape = [
        profile.assign_coords(instance_pair=range(profile.sizes["instance_pair"])).reindex(
            layer=list(layers), instance_pair=range(n_pairs)
        )
        for profile in profiles.values()
    ]
    networks = xr.DataArray(list(profiles), dims="network", name="network")
    return xr.concat(
        same_shape, networks, data_vars="all", join="exact", combine_attrs="override"
    ).drop_vars("instance_pair")


def of_network(result: xr.Dataset, network: str) -> xr.Dataset:
    """What `side_by_side` was given for this network."""
    chosen = result.sel(network=network)
    for axis in ("layer", "instance_pair"):
        chosen = chosen.dropna(axis, how="all", subset=["consistency"])
    return chosen


def falls_with_depth(figure: str, result: xr.Dataset, network: str, distance: str) -> Finding:
    """The first layer's consistency minus the last one's, which the paper says is above zero."""
    profile = of_network(result, network)
    first, last = (str(profile.layer.values[place]) for place in (0, -1))
    by = "" if result.sizes["distance"] == 1 else f", {DISTANCE_NAMES[distance]}"
    return layers_apart(
        figure, f"{first} minus {last} consistency{by}", result, network, first, last, distance
    )


def layers_apart(
    figure: str,
    quantity: str,
    result: xr.Dataset,
    network: str,
    more: str,
    less: str,
    distance: str = "correlation",
) -> Finding:
    """One layer's consistency minus another's, as an effect.

    Args:
        figure: which shows it.
        quantity: what it is, without the network.
        result: what `side_by_side` made.
        network: whose.
        more: the layer that the paper says is the more consistent one.
        less: the other one.
        distance: by which.
    """
    pairs = of_network(result, network).consistency.sel(distance=distance)
    return over_instances(
        figure,
        f"{quantity}, {MODEL_NAMES[network]}",
        (pairs.sel(layer=more) - pairs.sel(layer=less)).values,
        settings_of(result),
        effect=True,
        note=SURROGATE if result.surrogate.sel(network=network) else "",
    )


def layer_consistency(
    figure: str,
    quantity: str,
    result: xr.Dataset,
    network: str,
    layer: str,
    distance: str = "correlation",
) -> Finding:
    """One layer's consistency, under a key of `paper.NUMBERS`."""
    pairs = of_network(result, network).consistency.sel(distance=distance, layer=layer)
    return over_instances(figure, quantity, pairs.values, settings_of(result))


def last_layer(result: xr.Dataset, network: str) -> str:
    """The name of its last layer."""
    return str(of_network(result, network).layer.values[-1])


def caption_of_courses(result: xr.Dataset) -> str:
    """How to read the bars of a figure that `draw_course` drew, and how many networks they are."""
    counts = " and ".join(
        f"{int(n)} of {MODEL_NAMES[str(network)]}"
        for network, n in zip(result.network.values, result.n_compared.values, strict=True)
    )
    words = (
        f"Means over all pairs of the instances compared ({counts}). Broad pale bars: "
        f"{percent(result)} % bootstrap intervals over pairs; thin capped bars: over instances."
    )
    if result.surrogate.any():
        words += f" {SURROGATE[:1].upper()}{SURROGATE[1:]}."
    return words

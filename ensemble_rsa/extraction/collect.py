"""RDMs of a source of activations: instance by instance and layer by layer.

Only distances are kept, so that the activations of one layer are in memory at a time.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from ensemble_rsa.errors import RunError
from ensemble_rsa.extraction.sources import DIMENSIONS, ActivationSource
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.build import centroids, cocktail_blank, rdm_and_constant_patterns
from ensemble_rsa.runs.set_aside import with_set_aside

RdmProgress = Callable[[int, int], None]
ROUNDING = 1e-6  # relative to an RDM's largest distance: smaller differences are rounding errors


def layer_stack(source: ActivationSource, layer: str) -> xr.DataArray:
    """Return one layer's activations of all instances, `(instance, stimulus, unit)`."""
    patterns = [
        np.asarray(next(found for name, found in source.activations(position) if name == layer))
        for position in range(len(source.instances))
    ]
    return xr.DataArray(
        np.stack(patterns),
        dims=DIMENSIONS,
        coords={
            "instance": list(source.instances),
            "seed": ("instance", list(source.seeds)),
            "stimulus": list(source.stimuli),
            "category": ("stimulus", list(source.categories)),
        },
        name=layer,
    )


class _InstanceRdms(NamedTuple):
    """RDMs of one instance, a row for each layer."""

    exemplar: list[np.ndarray]
    centroid: list[np.ndarray]
    constant: list[int]


class _NotComparable(Exception):
    """Why an instance cannot be compared with others."""


def collect_rdms(
    source: ActivationSource,
    layers: Sequence[str],
    distance: str,
    progress: RdmProgress | None = None,
    cocktail_blanked: bool = False,
) -> xr.Dataset:
    """Return the RDMs of the chosen layers of every instance that can be compared with others.

    Args:
        source: the activations.
        layers: names, in the source's order.
        distance: one of `DISTANCES`.
        progress: called with the number of RDMs done and of all.
        cocktail_blanked: whether each unit's mean over stimuli is subtracted first.

    Returns:
        The data set that `ensemble_rsa.extract` describes.

    Raises:
        RunError: fewer than two instances can be compared.
    """
    rdms: dict[int, _InstanceRdms] = {}
    excluded: dict[int, str] = {}
    n_instances = len(source.instances)
    for position in range(n_instances):
        own = _InstanceRdms([], [], [])
        try:
            for name, activations in source.activations(position):
                if name in layers:
                    patterns = cocktail_blank(activations) if cocktail_blanked else activations
                    _append(own, name, patterns, source.categories, distance)
                if progress:
                    progress(position * len(layers) + len(own.exemplar), len(layers) * n_instances)
            rdms[position] = own
        except _NotComparable as reason:
            excluded[position] = str(reason)
    if len(rdms) < 2:
        reasons = "; ".join(
            f"instance {source.instances[position]}: {reason}"
            for position, reason in excluded.items()
        )
        raise RunError(
            f"at least two instances are needed for a comparison, {len(rdms)} can be compared "
            f"({reasons or 'only one was given'})"
        )
    dataset = _dataset(source, layers, rdms).assign_attrs(
        distance=distance, cocktail_blank=int(cocktail_blanked), **source.attributes
    )
    return with_set_aside(
        dataset,
        "excluded",
        [
            {
                "instance": source.instances[position],
                "seed": source.seeds[position],
                "reason": reason,
            }
            for position, reason in excluded.items()
        ],
    )


def _append(
    own: _InstanceRdms, name: str, activations: Any, categories: Sequence[Any], distance: str
) -> None:
    """Add one layer's RDMs, unless a set of distances that will be correlated is constant."""
    if isinstance(activations, jax.Array) and not bool(jnp.isfinite(activations).all()):
        raise _NotComparable(f"activations of {name} are not finite")
    rdm, constant = (np.asarray(part) for part in rdm_and_constant_patterns(activations, distance))
    labels = np.asarray(categories)
    first, second = pair_indices(len(labels))
    correlated = {
        "distances": rdm,
        "same-category distances": rdm[labels[first] == labels[second]],
    }
    if len(set(categories)) > 1:
        patterns = centroids(activations, categories)
        centroid = np.asarray(rdm_and_constant_patterns(patterns, distance)[0])
        correlated["distances between category centroids"] = centroid
        own.centroid.append(centroid)
    for what, values in correlated.items():
        if values.size >= 3 and np.ptp(values) <= ROUNDING * rdm.max():
            raise _NotComparable(
                f"all {what} of {name} are equal, so their correlation is undefined"
            )
    own.exemplar.append(rdm)
    own.constant.append(int(constant))


def _dataset(
    source: ActivationSource, layers: Sequence[str], rdms: dict[int, _InstanceRdms]
) -> xr.Dataset:
    kept = list(rdms)
    exemplar, centroid, constant = (
        np.stack([own[part] for own in rdms.values()], axis=1) for part in range(3)
    )
    dataset = xr.Dataset(
        {
            "exemplar": (("layer", "instance", "stimulus_pair"), exemplar),
            "constant_patterns": (("layer", "instance"), constant),
            **{
                name: ("instance", np.asarray(values)[kept])
                for name, values in source.variables.items()
            },
        },
        coords={
            "layer": list(layers),
            "instance": [source.instances[position] for position in kept],
            "seed": ("instance", [source.seeds[position] for position in kept]),
            "stimulus": list(source.stimuli),
            "category": ("stimulus", list(source.categories)),
        },
    )
    for kind, entries in source.set_aside.items():
        dataset = with_set_aside(dataset, kind, entries)
    if not centroid.size:
        return dataset
    names = np.unique(source.categories)
    first, second = pair_indices(len(names))
    return dataset.assign(
        centroid=(("layer", "instance", "category_pair"), centroid)
    ).assign_coords(
        category_first=("category_pair", names[first]),
        category_second=("category_pair", names[second]),
    )

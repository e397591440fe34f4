"""RDMs of a source of activations: instance by instance and layer by layer.

Only distances are kept, so that the activations of one layer are in memory at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from ensemble_rsa.arrays import is_constant
from ensemble_rsa.errors import RunError
from ensemble_rsa.extraction.sources import DIMENSIONS, ActivationSource
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.build import centroids, cocktail_blank, rdm_and_constant_patterns
from ensemble_rsa.runs.set_aside import with_set_aside

RdmProgress = Callable[[int, int], None]


def layer_stack(source: ActivationSource, layer: str) -> xr.DataArray:
    """Return one layer's activations of all instances, `(instance, stimulus, unit)`."""
    patterns = [
        np.asarray(next(found for name, found in source.activations(position) if name == layer))
        for position in range(len(source.instances))
    ]
    everyone = range(len(source.instances))
    return xr.DataArray(np.stack(patterns), coordinates(source, everyone), DIMENSIONS, name=layer)


def coordinates(source: ActivationSource, positions: Iterable[int]) -> dict[str, Any]:
    """Return the coordinates of some instances, and of all stimuli."""
    chosen = list(positions)
    return {
        "instance": [source.instances[position] for position in chosen],
        "seed": ("instance", [source.seeds[position] for position in chosen]),
        **{
            name: ("instance", [seeds[position] for position in chosen])
            for name, seeds in source.seeds_of.items()
        },
        "stimulus": list(source.stimuli),
        "category": ("stimulus", list(source.categories)),
    }


class InstanceRdms(NamedTuple):
    """RDMs of one instance, a row for each layer."""

    exemplar: list[np.ndarray]
    centroid: list[np.ndarray]
    constant: list[int]


@runtime_checkable
class RdmsElsewhere(Protocol):
    """Computes the RDMs of a source elsewhere, such as on the workers of a cluster."""

    def __call__(
        self,
        source: ActivationSource,
        layers: Sequence[str],
        distance: str,
        cocktail_blanked: bool,
        progress: RdmProgress | None,
    ) -> Iterable[InstanceRdms | str]:
        """For each instance its RDMs, or why it cannot be compared with others."""
        ...


class NotComparable(Exception):
    """Why an instance cannot be compared with others."""


def collect_rdms(
    source: ActivationSource,
    layers: Sequence[str],
    distance: str,
    progress: RdmProgress | None = None,
    cocktail_blanked: bool = False,
    elsewhere: RdmsElsewhere | None = None,
) -> xr.Dataset:
    """Return the RDMs of some layers, in the source's order, as `ensemble_rsa.extract` describes.

    With `cocktail_blanked`, each unit's mean over stimuli is subtracted first. The RDMs are
    computed here or `elsewhere`.
    """
    n_instances = len(source.instances)
    if elsewhere is None:

        def here() -> Iterator[InstanceRdms | str]:
            for position in range(n_instances):

                def tell(done: int, before: int = position * len(layers)) -> None:
                    if progress:
                        progress(before + done, len(layers) * n_instances)

                yield instance_rdms(source, position, layers, distance, cocktail_blanked, tell)

        found = here()
    else:
        found = elsewhere(source, layers, distance, cocktail_blanked, progress)
    rdms: dict[int, InstanceRdms] = {}
    excluded: dict[int, str] = {}
    for position, own in enumerate(found):
        if isinstance(own, str):
            excluded[position] = own
        else:
            rdms[position] = own
    if not rdms:
        raise none_comparable(source, excluded)
    entries = [
        {"instance": source.instances[i], "seed": source.seeds[i], "reason": reason}
        for i, reason in excluded.items()
    ]
    return with_set_aside(_dataset(source, layers, rdms), "excluded", entries).assign_attrs(
        distance=distance, cocktail_blank=int(cocktail_blanked), **source.attributes
    )


def none_comparable(source: ActivationSource, excluded: Mapping[int, str]) -> RunError:
    """Return the error for a source of which no instance has RDMs."""
    reasons = "; ".join(f"instance {source.instances[i]}: {excluded[i]}" for i in excluded)
    return RunError(f"no instance has RDMs that can be compared ({reasons})")


def instance_rdms(
    source: ActivationSource,
    position: int,
    layers: Sequence[str],
    distance: str,
    cocktail_blanked: bool,
    done: Callable[[int], None],
) -> InstanceRdms | str:
    """Return the RDMs of one instance in some layers, or why it cannot be compared with others.

    `done` is called with the number of finished RDMs.
    """
    own = InstanceRdms([], [], [])
    try:
        for name, activations in source.activations(position):
            if name in layers:
                check_comparable(name, activations)
                patterns = cocktail_blank(activations) if cocktail_blanked else activations
                _append(own, name, patterns, source.categories, distance)
            done(len(own.exemplar))
            if len(own.exemplar) == len(layers):
                break
    except NotComparable as reason:
        return str(reason)
    return own


def check_comparable(name: str, activations: Any) -> None:
    """Set an instance aside whose network has diverged."""
    if isinstance(activations, jax.Array) and not bool(jnp.isfinite(activations).all()):
        raise NotComparable(f"activations of {name} are not finite")


def _append(
    own: InstanceRdms, name: str, activations: Any, categories: Sequence[Any], distance: str
) -> None:
    """Add one layer's RDMs, unless a set of distances that will be correlated is constant."""
    rdm, constant = (np.asarray(part) for part in rdm_and_constant_patterns(activations, distance))
    labels = np.asarray(categories)
    first, second = pair_indices(len(labels))
    same = rdm[labels[first] == labels[second]]
    correlated = {"distances": rdm, "same-category distances": same}
    if len(set(categories)) > 1:
        patterns = centroids(activations, categories)
        centroid = np.asarray(rdm_and_constant_patterns(patterns, distance)[0])
        correlated["distances between category centroids"] = centroid
        own.centroid.append(centroid)
    for what, values in correlated.items():
        if values.size >= 3 and is_constant(values, scale=float(rdm.max())):
            raise NotComparable(
                f"all {what} of layer {name} are equal, so their correlation is undefined"
            )
    own.exemplar.append(rdm)
    own.constant.append(int(constant))


def _dataset(
    source: ActivationSource, layers: Sequence[str], rdms: dict[int, InstanceRdms]
) -> xr.Dataset:
    dims = ("layer", "instance")
    exemplar, centroid, constant = (
        np.stack([own[part] for own in rdms.values()], axis=1) for part in range(3)
    )
    dataset = xr.Dataset(
        {
            "exemplar": ((*dims, "stimulus_pair"), exemplar),
            "constant_patterns": (dims, constant),
            **{name: ("instance", all_[list(rdms)]) for name, all_ in source.variables.items()},
        },
        coords={"layer": list(layers), **coordinates(source, rdms)},
    )
    for kind, entries in source.set_aside.items():
        dataset = with_set_aside(dataset, kind, entries)
    if not centroid.size:
        return dataset
    names = np.unique(source.categories)
    first, second = pair_indices(len(names))
    return dataset.assign(centroid=((*dims, "category_pair"), centroid)).assign_coords(
        category_first=("category_pair", names[first]),
        category_second=("category_pair", names[second]),
    )

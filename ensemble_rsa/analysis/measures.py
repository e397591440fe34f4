"""Measures of similarity of layers, of RDMs and of activations alike, under one interface.

Functions that only need the similarity of every two representations, as `layer_identification`,
take any of them: comparisons of RDMs, CKA, canonical correlations, Procrustes distance.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.arrays import (
    ArrayLike,
    as_numpy,
    check_agreement,
    check_array,
    check_finite,
    check_rdms,
    stimuli_of_pairs,
)
from ensemble_rsa.arrays.refused import not_an_array
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.compare import COMPARISONS, compare_pairs
from ensemble_rsa.similarity.cca import pwcca, svcca
from ensemble_rsa.similarity.cka import linear_cka
from ensemble_rsa.similarity.procrustes import procrustes_distance

Similarity = Callable[[list[np.ndarray]], Float[np.ndarray, " pair"]]
Order = Int[np.ndarray, " stimulus"]

OF_ACTIVATIONS: Mapping[str, Similarity] = MappingProxyType(
    {
        "linear_cka": linear_cka,
        "cca": partial(svcca, variance=1),
        "svcca": svcca,
        "pwcca": pwcca,
        "procrustes": lambda items: -procrustes_distance(items),
    }
)


@dataclass(frozen=True)
class Representations:
    """Representations of several layers in several instances, of the same stimuli.

    Attributes:
        layers: their names.
        items: for each layer a list with an array for each instance: an RDM `(stimulus_pair,)`, or
            activations `(stimulus, unit)`.
        n_stimuli: how many stimuli there are.
        similarity: of every two items of a list, in the order of `itertools.combinations`.
    """

    layers: tuple[Hashable, ...]
    items: list[list[np.ndarray]]
    n_stimuli: int
    similarity: Similarity

    @property
    def n_instances(self) -> int:
        """The number of instances."""
        return len(self.items[0])

    def permuted(self, orders: Sequence[Order]) -> list[list[np.ndarray]]:
        """All items with the stimuli of each instance in another order, the same in all layers."""
        if self.items[0][0].ndim > 1:
            return [
                [item[order] for item, order in zip(each, orders, strict=True)]
                for each in self.items
            ]
        first, second = pair_indices(self.n_stimuli)
        position = np.zeros((self.n_stimuli,) * 2, np.intp)
        position[first, second] = position[second, first] = np.arange(len(first))
        places = [position[order[first], order[second]] for order in orders]
        return [
            [item[place] for item, place in zip(each, places, strict=True)] for each in self.items
        ]


def open_representations(representations: Any, measure: str | Similarity) -> Representations:
    """Read the layers of a mapping, a list or an array; see `layer_identification`."""
    of_rdms, comparison = isinstance(measure, str) and measure in COMPARISONS, cast(Any, measure)
    if of_rdms:
        similarity: Similarity = lambda items: compare_pairs(
            "representations", np.stack(items), comparison
        )
    elif callable(measure):
        similarity = measure
    elif isinstance(measure, str) and measure in OF_ACTIVATIONS:
        similarity = OF_ACTIVATIONS[measure]
    else:
        raise unknown_name("measure", measure, (*COMPARISONS, *OF_ACTIVATIONS))
    names, values = _by_layer(representations)
    named = zip(names, values, strict=True)
    check_agreement({f"representations[{name!r}]": each for name, each in named})
    read = _rdms if of_rdms else _activations
    items = [
        read(f"representations[{name!r}]", each) for name, each in zip(names, values, strict=True)
    ]
    sizes = [(len(each), each[0].shape[0]) for each in items]
    for name, size in zip(names, sizes, strict=True):
        if size != sizes[0]:
            raise InputError(
                f"representations[{name!r}]: expected the instances and stimuli of "
                f"representations[{names[0]!r}], got {size} instead of {sizes[0]}"
            )
    if of_rdms:
        for name, each in zip(names, items, strict=True):
            compare_pairs(
                f"representations[{name!r}]", np.stack(each), comparison
            )  # refuses constant RDMs
    n = sizes[0][1]
    return Representations(
        names, items, stimuli_of_pairs("representations", n) if of_rdms else n, similarity
    )


def compact(item: Float[np.ndarray, "stimulus unit"]) -> Float[np.ndarray, "stimulus axis"]:
    """Patterns with the same inner products around their mean, in fewer units than stimuli.

    CKA, canonical correlations of principal axes and Procrustes distance do not change.

    >>> patterns = np.random.default_rng(0).normal(size=(4, 50))
    >>> compact(patterns).shape, bool(abs(linear_cka([patterns, compact(patterns)]) - 1) < 1e-9)
    ((4, 3), True)
    """
    n, n_units = item.shape
    if n_units < n:
        return item
    centred = item - item[:1].astype(np.float64)
    centred -= centred.mean(0)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    return vectors[:, 1:] * np.sqrt(np.maximum(values[1:], 0))


def _by_layer(representations: Any) -> tuple[tuple[Hashable, ...], list[Any]]:
    if isinstance(representations, Mapping) and not hasattr(representations, "dims"):
        names, values = tuple(representations), list(representations.values())
    elif isinstance(representations, list | tuple):
        names, values = tuple(range(len(representations))), list(representations)
    else:
        if refused := not_an_array(representations):
            raise InputError(f"representations: expected layers, got {refused}")
        array: Any = representations
        named = "layer" in getattr(array, "dims", ())
        if named:
            array = array.transpose("layer", ...)
        if len(getattr(array, "shape", ())) < 3:
            raise InputError(
                "representations: expected a mapping of layers, or an array (layer, instance, "
                f"...), got {type(array).__name__} of shape "
                f"{tuple(getattr(array, 'shape', ()))}"
            )
        values = [array[k] for k in range(array.shape[0])]
        known = named and "layer" in array.coords
        names = tuple(array.coords["layer"].values.tolist() if known else range(len(values)))
    if len(values) < 2:
        raise InputError(f"representations: expected two layers or more, got {len(values)}")
    return names, values


def _rdms(name: str, value: ArrayLike) -> list[np.ndarray]:
    array, _ = check_rdms(name, value, 2, "(instance, stimulus_pair)")
    return _instances(name, np.asarray(array), "(instance, stimulus_pair)")


def _activations(name: str, value: ArrayLike) -> list[np.ndarray]:
    if isinstance(value, list | tuple) and np.ndim(value[0] if value else 0) == 2:
        items = [
            as_numpy(check_array(f"{name}[{k}]", item, 2, "(stimulus, unit)"))
            for k, item in enumerate(value)
        ]
        for k, item in enumerate(items):
            check_finite(f"{name}[{k}]", item)
        if len({len(item) for item in items}) > 1 or len(items) < 2:
            raise InputError(
                f"{name}: expected two instances or more with the same stimuli, got "
                f"{[len(item) for item in items]} stimuli"
            )
        return items
    array = as_numpy(check_array(name, value, 3, "(instance, stimulus, unit)"))
    check_finite(name, array)
    return _instances(name, array, "(instance, stimulus, unit)")


def _instances(name: str, array: np.ndarray, axes: str) -> list[np.ndarray]:
    if array.ndim != axes.count(",") + 1 or len(array) < 2:
        raise InputError(
            f"{name}: expected shape {axes} with two instances or more, got {array.shape}"
        )
    return list(array)

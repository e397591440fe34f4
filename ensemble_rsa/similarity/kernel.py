"""Stimulus-by-stimulus inner products of several networks, for measures that compare their shape.

Each unit's mean over stimuli is taken away first, so that the inner products (a linear kernel) hold
all that a rotation of the units leaves alone. CKA, the Procrustes distance and canonical
correlations follow from them exactly, whatever the number of units: a network costs `stimulus²`
numbers, and its activations are read once, block by block. Everything is float64.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import check_finite
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import blocks, pair_indices
from ensemble_rsa.rdm.blocks import block_width, open_activations, unit_blocks
from ensemble_rsa.rdm.gram import add_products, mirror

Prepared = TypeVar("Prepared")
Pairs = tuple[np.ndarray, np.ndarray]


class FewStimuliWarning(UserWarning):
    """Too few stimuli for this many units: the measure is high for unrelated networks too."""


@dataclass(frozen=True)
class Instances:
    """Networks that were shown the same stimuli; nothing has been read yet.

    Attributes:
        name: what the argument is called, for messages.
        arrays: for each instance the array that holds it: the same one `(..., instance, stimulus,
            unit)` for all, or one `(stimulus, unit)` each.
        leading: the axes before the instances; empty where each has an array of its own.
    """

    name: str
    arrays: tuple[Any, ...]
    leading: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.arrays)


def n_stimuli(instances: Instances) -> int:
    """How many stimuli the networks were shown."""
    return instances.arrays[0].shape[-2]


def open_groups(
    activations: Any, others: Any, min_stimuli: int
) -> tuple[Instances, Instances | None]:
    """Check the networks to compare, without reading them.

    Args:
        activations: an array or data set `(..., instance, stimulus, unit)`, or a list of arrays
            `(stimulus, unit)`, one per instance, whose units may differ in number.
        others: a second group with the same stimuli and leading axes, or None.
        min_stimuli: the least number of stimuli.

    Returns:
        The two groups; None for the second where `others` is None.

    Raises:
        InputError: wrong rank, too few stimuli, stimuli or leading axes that do not match, or a
            single instance with nothing to compare it to.
    """
    first = _open_instances("activations", activations, min_stimuli)
    if others is None:
        if len(first) < 2:
            raise InputError("activations: expected at least two instances, or others, got one")
        return first, None
    second = _open_instances("others", others, min_stimuli)
    ours, theirs = (*first.leading, n_stimuli(first)), (*second.leading, n_stimuli(second))
    if ours != theirs:
        raise InputError(
            f"others: expected the leading axes and stimuli of activations, {ours}, got {theirs}"
        )
    return first, second


def _open_instances(name: str, activations: Any, min_stimuli: int) -> Instances:
    if not isinstance(activations, list | tuple):
        array = open_activations(name, activations, min_stimuli)
        if array.ndim < 3:
            raise InputError(
                f"{name}: expected shape (..., instance, stimulus, unit), got {tuple(array.shape)}"
            )
        return Instances(name, (array,) * array.shape[-3], tuple(array.shape[:-3]))
    if not activations:
        raise InputError(f"{name}: expected an array (stimulus, unit) per instance, got none")
    arrays = tuple(
        open_activations(f"{name}[{k}]", item, min_stimuli) for k, item in enumerate(activations)
    )
    for k, array in enumerate(arrays):
        if array.ndim != 2:
            raise InputError(
                f"{name}[{k}]: expected shape (stimulus, unit), got {tuple(array.shape)}; further "
                f"axes go into one array (..., instance, stimulus, unit)"
            )
        if array.shape[0] != arrays[0].shape[0]:
            raise InputError(
                f"{name}[{k}]: expected {arrays[0].shape[0]} stimuli, as in {name}[0], got "
                f"{array.shape[0]}"
            )
    return Instances(name, arrays, ())


def map_pairs(
    first: Instances,
    second: Instances | None,
    prepare: Callable[[Instances, tuple[int, ...]], Prepared],
    measure: Callable[[Prepared, Prepared, Pairs], Float[np.ndarray, " instance_pair"]],
) -> Float[np.ndarray, "..."]:
    """Measure pairs of instances, one position on the leading axes after the other.

    Args:
        first: the instances.
        second: those they are compared to; None for each other.
        prepare: what is worked out once for all instances of a group at one position.
        measure: the results of the given pairs of instances, of the first and the second group.

    Returns:
        `(..., instance_pair)` in `itertools.combinations` order, or `(..., instance,
        other_instance)` with a second group.
    """
    if second is None:
        pairs, shape = pair_indices(len(first)), (-1,)
    else:
        shape = (len(first), len(second))
        rows, columns = np.indices(shape).reshape(2, -1)
        pairs = rows, columns
    results = []
    for index in np.ndindex(first.leading):
        ours = prepare(first, index)
        theirs = ours if second is None else prepare(second, index)
        results.append(measure(ours, theirs, pairs).reshape(shape))
    return np.reshape(results, (*first.leading, *results[0].shape))


def centred_blocks(
    instances: Instances, index: tuple[int, ...], k: int
) -> Iterator[Float[np.ndarray, "stimulus _"]]:
    """The activations of one instance, some units at a time, minus each unit's mean."""
    array, place, _ = _where(instances, index, k)
    for block in unit_blocks(array, place, block_width(*array.shape[-2:])):
        # Close numbers subtract exactly: what all stimuli share costs no digits, and leaves exact
        # zeros where they are all alike.
        patterns = np.asarray(block).astype(np.float64)
        patterns -= patterns[:1].copy()
        patterns -= patterns.mean(axis=0, keepdims=True)
        yield patterns


def centred_kernels(
    instances: Instances, index: tuple[int, ...]
) -> Iterator[Float[np.ndarray, "stimulus stimulus"]]:
    """Inner products of the centred patterns, scaled to trace 1, of one instance after the other.

    Args:
        instances: from `open_groups`.
        index: position on the leading axes.

    Raises:
        InputError: NaN or inf, or an instance whose patterns are all the same.
    """
    for k in range(len(instances)):
        array, place, where = _where(instances, index, k)
        kernel = np.zeros((array.shape[-2],) * 2)
        with np.errstate(invalid="ignore", over="ignore"):
            for patterns in centred_blocks(instances, index, k):
                add_products(kernel, patterns)
        trace = np.trace(kernel)
        if not np.isfinite(trace):
            check_finite(where, np.asarray(array[place]))
            raise InputError(f"{where}: expected patterns shorter than 1e150, or products overflow")
        if trace == 0:
            raise InputError(
                f"{where}: expected patterns that differ, got the same pattern for every stimulus; "
                f"leave this instance out"
            )
        kernel /= trace
        mirror(kernel)
        yield kernel


def _where(
    instances: Instances, index: tuple[int, ...], k: int
) -> tuple[Any, tuple[int, ...], str]:
    """The array of an instance, its place there, and what to call it."""
    array = instances.arrays[k]
    return array, (*index, k) if array.ndim > 2 else (), f"{instances.name}{[*index, k]}"


def principal_axes(
    instances: Instances, index: tuple[int, ...]
) -> tuple[Float[np.ndarray, "instance axis"], Float[np.ndarray, "instance stimulus axis"]]:
    """What a singular value decomposition of each instance's centred activations would give.

    Args:
        instances: from `open_groups`.
        index: position on the leading axes.

    Returns:
        Shares of the variance (squared singular values), largest first, and unit-length axes
        (left singular vectors): the eigenvalues and eigenvectors of the kernels. As many as the
        widest instance can have, with zeros for those that can have fewer.

    Raises:
        InputError: as `centred_kernels`.
    """
    # Their mean is gone, so patterns span one axis fewer than there are stimuli.
    possible = [min(array.shape[-1], array.shape[-2] - 1) for array in instances.arrays]
    shares = np.zeros((len(instances), max(possible)))
    axes = np.zeros((len(instances), n_stimuli(instances), max(possible)))
    for k, kernel in enumerate(centred_kernels(instances, index)):
        values, vectors = np.linalg.eigh(kernel)
        shares[k, : possible[k]] = np.maximum(values[::-1][: possible[k]], 0)
        axes[k, :, : possible[k]] = vectors[:, ::-1][:, : possible[k]]
    return shares, axes


def nuclear_norms(
    ours: Float[np.ndarray, "instance stimulus axis"],
    theirs: Float[np.ndarray, "other stimulus other_axis"],
    pairs: Pairs,
) -> Float[np.ndarray, " instance_pair"]:
    """Sum of the singular values of `XᵀY` for the given pairs of matrices, in bounded batches.

    >>> matrices = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 3.0], [4.0, 0.0]]])
    >>> nuclear_norms(matrices, matrices, (np.array([0]), np.array([1]))).tolist()
    [7.0]
    """
    rows, columns = pairs
    norms = np.empty(len(rows))
    for batch in blocks(len(rows), 2 * ours.shape[-1] * theirs.shape[-1]):
        products = ours[rows[batch]].mT @ theirs[columns[batch]]
        norms[batch] = np.linalg.svd(products, compute_uv=False).sum(-1)
    return norms

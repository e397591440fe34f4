"""Centred linear kernels: inner products of the patterns of all stimuli, for several networks.

Each unit's mean over stimuli is subtracted first, so that the kernel holds all that a rotation of
the units does not change. CKA, the Procrustes distance and canonical correlations follow from it
exactly, for any number of units: a network takes `stimulus²` numbers, and its activations are read
once, block by block. Everything is float64.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import as_numpy, check_agreement, check_finite
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import blocks, pair_indices
from ensemble_rsa.rdm.blocks import block_width, open_activations, unit_blocks
from ensemble_rsa.rdm.gram import add_products, mirror

PreparedT = TypeVar("PreparedT")
Pairs = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Instances:
    """Networks that were shown the same stimuli; not read yet.

    Attributes:
        name: of the argument, for messages.
        arrays: for each instance the array that holds it: the same one `(..., instance, stimulus,
            unit)` for all, or one `(stimulus, unit)` each.
        leading: the axes before the instances; empty where each has its own array.
    """

    name: str
    arrays: tuple[Any, ...]
    leading: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.arrays)

    @property
    def n_stimuli(self) -> int:
        """The number of stimuli."""
        return self.arrays[0].shape[-2]

    def place(self, index: tuple[int, ...], k: int) -> tuple[int, ...]:
        """Where an instance lies in its array."""
        return (*index, k) if self.arrays[k].ndim > 2 else ()


def open_groups(
    activations: Any, others: Any, min_stimuli: int
) -> tuple[Instances, Instances | None]:
    """Check the networks to compare, without reading them; arguments as in `linear_cka`."""
    given = {"activations": activations} | ({} if others is None else {"others": others})
    check_agreement(given)
    first = _open_instances("activations", activations, min_stimuli)
    if others is None:
        if len(first) < 2:
            raise InputError("activations: expected at least two instances, or others, got one")
        return first, None
    second = _open_instances("others", others, min_stimuli)
    ours, theirs = (*first.leading, first.n_stimuli), (*second.leading, second.n_stimuli)
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
    arrays = []
    for k, item in enumerate(activations):
        array = open_activations(f"{name}[{k}]", item, min_stimuli)
        arrays.append(array)
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
    return Instances(name, tuple(arrays), ())


def map_pairs(
    first: Instances,
    second: Instances | None,
    prepare: Callable[[Instances, tuple[int, ...]], PreparedT],
    measure: Callable[[PreparedT, PreparedT, Pairs], Float[np.ndarray, " instance_pair"]],
) -> Float[np.ndarray, "..."]:
    """Measure pairs of instances at each position on the leading axes; the result of `linear_cka`.

    `prepare` is called once for all instances of a group at one position.
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
    array = instances.arrays[k]
    for block in unit_blocks(array, instances.place(index, k), block_width(*array.shape[-2:])):
        # Close numbers subtract exactly: an offset of all stimuli costs no digits, and equal
        # patterns give exact zeros.
        patterns = np.asarray(block) - np.asarray(block[:1], np.float64)
        patterns -= patterns.mean(axis=0, keepdims=True)
        yield patterns


def centred_kernels(
    instances: Instances, index: tuple[int, ...]
) -> Iterator[Float[np.ndarray, "stimulus stimulus"]]:
    """Inner products of the centred patterns, scaled to trace 1, of one instance after the other.

    Numbers that are not finite, and an instance whose patterns are all the same, are refused.
    """
    for k, array in enumerate(instances.arrays):
        where = f"{instances.name}{[*index, k]}"
        kernel = np.zeros((instances.n_stimuli,) * 2)
        with np.errstate(invalid="ignore", over="ignore"):
            for patterns in centred_blocks(instances, index, k):
                add_products(kernel, patterns)
        trace = np.trace(kernel)
        if not np.isfinite(trace):
            check_finite(where, as_numpy(array[instances.place(index, k)]))
            raise InputError(f"{where}: expected patterns shorter than 1e150, or products overflow")
        if trace == 0:
            raise InputError(
                f"{where}: expected patterns that differ, got the same pattern for every stimulus; "
                f"leave this instance out"
            )
        kernel /= trace
        mirror(kernel)
        yield kernel


def principal_axes(
    instances: Instances, index: tuple[int, ...]
) -> tuple[Float[np.ndarray, "instance axis"], Float[np.ndarray, "instance stimulus axis"]]:
    """Principal axes of each instance's centred patterns: eigenvectors of the kernels.

    Returns shares of the variance (squared singular values), largest first, and axes of unit length
    (left singular vectors): as many as the widest instance can have, and zeros where there are
    fewer.
    """
    # Centred patterns span one axis fewer than there are stimuli.
    possible = [min(array.shape[-1], array.shape[-2] - 1) for array in instances.arrays]
    shares = np.zeros((len(instances), max(possible)))
    axes = np.zeros((len(instances), instances.n_stimuli, max(possible)))
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

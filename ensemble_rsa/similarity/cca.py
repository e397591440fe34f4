"""Canonical correlations: similarity of two networks up to any linear map of their units."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.arrays import is_number
from ensemble_rsa.errors import FewStimuliWarning, InputError, shown
from ensemble_rsa.similarity.kernel import (
    Instances,
    Pairs,
    centred_blocks,
    map_pairs,
    nuclear_norms,
    open_groups,
    principal_axes,
)

_ROUNDING = 1e-12  # of the variance: axes that together explain less than this are left out


@dataclass(frozen=True)
class Subspaces:
    """The principal axes kept of each instance at one position."""

    instances: Instances
    index: tuple[int, ...]  # on the leading axes
    axes: Float[np.ndarray, "instance stimulus axis"]  # of unit length; zeros after the kept ones
    ranks: Int[np.ndarray, " instance"]  # how many are kept


def svcca(
    activations: Any, others: Any = None, variance: float | int = 0.99
) -> Float[np.ndarray, "..."]:
    """Mean canonical correlation of the principal axes of every two instances (Raghu et al., 2017).

    Of each instance the fewest principal axes are kept that explain `variance`; the canonical
    correlations of two sets are averaged over the smaller set. They are the singular values of
    `UᵀV`, where U and V are the axes, which follow from the kernels. Within the kept axes any
    invertible map of the units has no effect.

    Unrelated networks do not give 0: with r and s axes of n stimuli the squared correlations
    average `max(r, s)/(n − 1)`. If r + s exceeds n − 1 some are 1 for any networks, and with
    r = n − 1 all are, which is refused. Keep fewer axes, or use many more stimuli than axes.

    Args:
        activations: as in `linear_cka`.
        others: as in `linear_cka`.
        variance: the share to explain, above 0. With 1 all axes are kept except rounding (together
            less than 1e-12 of the variance): plain CCA.

    Returns:
        As in `linear_cka`; 0 to 1.

    Raises:
        InputError: as in `linear_cka`, with three stimuli or more; an instance with as many kept
            axes as stimuli allow; or a variance out of range.

    Warns:
        FewStimuliWarning: pairs whose kept axes together exceed the stimuli.

    >>> line, square = [[0], [0], [1], [1]], [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> svcca([line, square]).round(6).tolist()
    [1.0]
    """
    return _mean_correlations(activations, others, variance, _plain_means)


def pwcca(
    activations: Any, others: Any = None, variance: float | int = 0.99
) -> Float[np.ndarray, "..."]:
    """Projection-weighted CCA of every two instances (Morcos et al., 2018), averaged both ways.

    As `svcca`, but each canonical correlation is weighted by how much of one instance's activity
    lies along its direction h: the sum over that instance's units of `|hᵀx|`, where x is a unit's
    response to all stimuli. The original measure takes the weights from one of the two instances;
    here the result is the mean of both choices and so does not depend on the order. The weights
    need the units, which are read a second time, and take `axis² · unit` products per pair: of
    these measures it is by far the slowest for large layers.

    Arguments, result, errors and warnings are as in `svcca`. The original keeps all axes (variance
    1), with many more stimuli than units. Correlations that must be 1 have no unique directions, so
    that their weights are partly arbitrary.

    >>> line, square = [[0], [0], [1], [1]], [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> pwcca([line, square]).round(6).tolist()
    [1.0]
    """
    return _mean_correlations(activations, others, variance, _weighted_means)


def _mean_correlations(
    activations: Any,
    others: Any,
    variance: float | int,
    measure: Callable[[Subspaces, Subspaces, Pairs], Float[np.ndarray, " instance_pair"]],
) -> Float[np.ndarray, "..."]:
    if not is_number(variance) or not 0 < variance <= 1:
        raise InputError(f"variance: expected a share above 0 and up to 1, got {shown(variance)}")
    first, second = open_groups(activations, others, min_stimuli=3)
    forced = []

    def keep(instances: Instances, index: tuple[int, ...]) -> Subspaces:
        return _main_axes(instances, index, variance)

    def measure_and_count(ours: Subspaces, theirs: Subspaces, pairs: Pairs) -> Any:
        forced.append(ours.ranks[pairs[0]] + theirs.ranks[pairs[1]] - first.n_stimuli + 1)
        return np.clip(measure(ours, theirs, pairs), 0, 1)

    result = map_pairs(first, second, keep, measure_and_count)
    excess, n = np.concatenate(forced), first.n_stimuli
    if (excess > 0).any():
        warnings.warn(
            f"canonical correlations: {(excess > 0).sum()} of {excess.size} pairs keep more than "
            f"{n - 1} axes together, of {n} stimuli, so that up to {excess.max()} correlations are "
            f"1 whatever the networks; lower variance, or use more stimuli",
            FewStimuliWarning,
            stacklevel=3,
        )
    return result


def _main_axes(instances: Instances, index: tuple[int, ...], variance: float | int) -> Subspaces:
    shares, axes = principal_axes(instances, index)
    explained = np.cumsum(shares, axis=1)
    enough = explained >= (variance - _ROUNDING) * explained[:, -1:]
    ranks = 1 + np.argmax(enough, axis=1)
    n = instances.n_stimuli
    if ranks.max() >= n - 1:
        k = int(np.argmax(ranks))
        raise InputError(
            f"{instances.name}{[*index, k]}: {n - 1} axes are kept, all that {n} stimuli allow, so "
            f"every canonical correlation would be 1; expected a lower variance than {variance}, "
            f"or more stimuli than units"
        )
    axes = axes[..., : ranks.max()]
    axes *= np.arange(axes.shape[-1]) < ranks[:, None, None]
    return Subspaces(instances, index, axes, ranks)


def _plain_means(
    ours: Subspaces, theirs: Subspaces, pairs: Pairs
) -> Float[np.ndarray, " instance_pair"]:
    fewer = np.minimum(ours.ranks[pairs[0]], theirs.ranks[pairs[1]])
    return nuclear_norms(ours.axes, theirs.axes, pairs) / fewer


def _weighted_means(
    ours: Subspaces, theirs: Subspaces, pairs: Pairs
) -> Float[np.ndarray, " instance_pair"]:
    rows, columns = pairs
    if ours is theirs:  # both ways together, so that units are read once
        both = _directed(ours, ours, np.append(rows, columns), np.append(columns, rows))
        return both.reshape(2, -1).mean(axis=0)
    return (_directed(ours, theirs, rows, columns) + _directed(theirs, ours, columns, rows)) / 2


def _directed(
    ours: Subspaces,
    theirs: Subspaces,
    rows: Int[np.ndarray, " instance_pair"],
    columns: Int[np.ndarray, " instance_pair"],
) -> Float[np.ndarray, " instance_pair"]:
    """Correlations weighted by the units of `ours`."""
    means = np.empty(len(rows))
    for k in np.unique(rows):
        own = ours.axes[k, :, : ours.ranks[k]]
        directions, correlations = [], []
        for partner in columns[rows == k]:
            kept = theirs.axes[partner, :, : theirs.ranks[partner]]
            left, values, _ = np.linalg.svd(own.T @ kept, full_matrices=False)
            directions.append(left.T.astype(np.float32))
            correlations.append(values)
        weights = _projections(ours, int(k), own.T.astype(np.float32), directions)
        means[rows == k] = [
            np.average(values, weights=weight)
            for values, weight in zip(correlations, weights, strict=True)
        ]
    return means


def _projections(
    subspaces: Subspaces,
    k: int,
    axes: Float[np.ndarray, "axis stimulus"],
    directions: list[Float[np.ndarray, "_ axis"]],
) -> list[Float[np.ndarray, " _"]]:
    """Sum over one instance's units of the absolute projections on the directions of each partner.

    The products are float32: rounding averages out over the units, and they take most of the time.
    """
    weights = [np.zeros(len(partner)) for partner in directions]
    for patterns in centred_blocks(subspaces.instances, subspaces.index, k):
        scale = np.abs(patterns).max()
        if scale == 0:
            continue
        coordinates = axes @ (patterns / scale).astype(np.float32)
        for weight, partner in zip(weights, directions, strict=True):
            projections = partner @ coordinates
            weight += scale * np.abs(projections, out=projections).sum(axis=1)
    return weights

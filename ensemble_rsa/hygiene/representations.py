"""Findings on RDMs: equal ones, outliers, constant patterns, stimuli shown twice, labels.

RDMs suffice for these, so they cost a correlation of each pair of instances. The thresholds are
ours.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.special import bdtrc

from ensemble_rsa.hygiene.finding import Finding, some
from ensemble_rsa.numerics import pair_indices

# Of the largest distance. RDMs are accurate to 1e-5, and of two different networks the largest
# difference of some distance is at least a thousand times as large.
EQUAL = 1e-5
# An instance is far from the others if its correlation with the mean of the others lies more than
# this many robust standard deviations below the median instance, on Fisher's z (median absolute
# deviation, times 1.4826), and shares less than half of the variance that the median instance does,
# which must be a tenth at least. In simulations of exchangeable instances whose noise varies by a
# third, one of ten was named in 0.3 % of layers, one of four or five in 1.3 %; by robust deviations
# alone, with the usual limit of 3.5, in 6 % to 12 %.
ROBUST_Z, HALF, LEAST_SHARED, FEWEST_INSTANCES = -7.0, 0.5, 0.1, 4
# Below this share of stimuli, a few blank images are a more likely reason than a dead layer.
MANY_CONSTANT = 0.1
FEWEST_STIMULI = 5
# One-sided level at which nearest neighbours count as above chance in one instance.
ABOVE_CHANCE = 0.01


def check_rdms(rdms: xr.Dataset) -> list[Finding]:
    """Return findings on the RDMs that `extract` returned."""
    found = [*constant_patterns(rdms)]
    if rdms.sizes["stimulus"] < FEWEST_STIMULI:
        return found
    correlations = {
        layer: _correlations(rdms.exemplar.sel(layer=layer).values)
        for layer in rdms.layer.values.tolist()
    }
    names = rdms.instance.values.tolist()

    def same(layer: str, one: int, other: int) -> bool:
        vectors = rdms.exemplar.sel(layer=layer)
        return _same(vectors[one], vectors[other])

    return [
        *equal_rdms(names, correlations, same),
        *outliers(names, correlations),
        *found,
        *_shown_twice(rdms),
        *_neighbours_at_chance(rdms),
    ]


def _correlations(
    vectors: Float[np.ndarray, "instance stimulus_pair"],
) -> Float[np.ndarray, "instance instance"]:
    """Correlations of RDMs of one layer, in float64 sums."""
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.atleast_2d(np.corrcoef(vectors, dtype=np.float64)))


def equal_rdms(
    names: Sequence[Any],
    correlations: dict[str, np.ndarray],
    same: Callable[[str, int, int], bool],
) -> Iterator[Finding]:
    """Instances with the RDMs of an earlier one: in all layers, or in some.

    `same` compares the RDMs of a layer in two instances, where their correlation suggests it.
    """
    for position in range(1, len(names)):
        by_twin: dict[int, list[str]] = {}
        for layer, r in correlations.items():
            for twin in range(position):
                if r[twin, position] > 1 - EQUAL and same(layer, twin, position):
                    by_twin.setdefault(twin, []).append(layer)
                    break
        for twin, layers in by_twin.items():
            if len(layers) == len(correlations):
                message = f"has the RDMs of instance {names[twin]} in all layers; leave one out"
                yield Finding("refuse", names[position], None, message)
                continue
            message = (
                f"the RDM is that of instance {names[twin]}; do they share this layer, or was a "
                "file copied?"
            )
            for layer in layers:
                yield Finding("warn", names[position], layer, message)


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return bool(np.abs(one - other).max() <= EQUAL * one.max())


def leave_one_out(
    correlations: Float[np.ndarray, "instance instance"],
) -> Float[np.ndarray, " instance"]:
    """Return the correlation of each instance's RDM with the mean of the others, standardised.

    >>> leave_one_out(np.array([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])).round(4).tolist()
    [0.5774, 0.5774, 0.5774]
    """
    sums = correlations.sum(1) - np.diag(correlations)
    others = correlations.sum() - np.diag(correlations) - 2 * sums
    with np.errstate(all="ignore"):
        return np.nan_to_num(sums / np.sqrt(others))


def outliers(names: Sequence[Any], correlations: dict[str, np.ndarray]) -> Iterator[Finding]:
    """Yield a finding on each instance whose RDM is far from those of all others."""
    if len(names) < FEWEST_INSTANCES:
        return
    for layer, matrix in correlations.items():
        r = leave_one_out(matrix)
        z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
        median = float(np.median(z))
        deviation = 1.4826 * float(np.median(np.abs(z - median)))
        usual = float(np.median(r)) ** 2
        if usual < LEAST_SHARED:
            continue
        for position, name in enumerate(names):
            robust = (z[position] - median) / max(deviation, 1e-6)
            shared = max(float(r[position]), 0.0) ** 2
            if robust < ROBUST_Z and shared < HALF * usual:
                message = (
                    f"is far from all others: its RDM shares {shared:.0%} of variance with their "
                    f"mean, the median instance {usual:.0%} (robust z {robust:.0f})"
                )
                yield Finding("warn", name, layer, message)


def constant_patterns(rdms: xr.Dataset) -> Iterator[Finding]:
    """Stimuli to which no unit responds in another way than its neighbour units."""
    if "constant_patterns" not in rdms:
        return
    n = rdms.sizes["stimulus"]
    for layer in rdms.layer.values.tolist():
        counts = rdms.constant_patterns.sel(layer=layer).values
        for name, count in zip(rdms.instance.values.tolist(), counts.tolist(), strict=True):
            if count:
                severity = "warn" if count > MANY_CONSTANT * n else "note"
                message = f"{count} of {n} stimuli have a constant pattern, the same in all units"
                yield Finding(severity, name, layer, message)


def _shown_twice(rdms: xr.Dataset) -> Iterator[Finding]:
    """Stimuli without any distance in any layer of any instance."""
    if rdms.attrs.get("distance") == "norm_difference":
        return  # equal lengths are no equal patterns
    zero = np.ones(rdms.sizes["stimulus_pair"], bool)
    for vectors in rdms.exemplar.transpose("layer", "instance", "stimulus_pair").values:
        for vector in vectors:
            zero &= vector <= EQUAL * vector.max()
            if not zero.any():
                return
    first, second = pair_indices(rdms.sizes["stimulus"])
    ids = rdms.stimulus.values.tolist()
    pairs = [f"{ids[first[i]]} and {ids[second[i]]}" for i in np.flatnonzero(zero)]
    yield shown_twice(pairs)


def shown_twice(pairs: Sequence[str]) -> Finding:
    """The finding on pairs of stimuli that no network tells apart."""
    message = (
        f"stimuli are the same to all networks: {some(pairs)}; an image that is shown twice counts "
        "twice, and intervals over stimuli are too narrow"
    )
    return Finding("warn", None, None, message)


def _neighbours_at_chance(rdms: xr.Dataset) -> Iterator[Finding]:
    """Instances in whose last layer nearest neighbours share a category no more than by chance."""
    labels = rdms.category.values
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    n = len(labels)
    if len(sizes) < 2 or sizes.max() < 2 or rdms.attrs.get("distance") == "norm_difference":
        return
    layer = rdms.layer.values.tolist()[-1]
    chance = float((sizes * (sizes - 1)).sum() / (n * (n - 1)))
    names = rdms.instance.values.tolist()
    counts = [_neighbours_alike(vector, codes) for vector in rdms.exemplar.sel(layer=layer).values]
    # the probability of so many, or more, of n independent neighbours
    at_chance = [bdtrc(count - 1, n, chance) > ABOVE_CHANCE for count in counts]
    if all(at_chance):
        message = (
            "in no instance do nearest neighbours share a category more often than by chance "
            f"({chance:.0%}); are labels in the order of stimuli?"
        )
        yield Finding("note", None, layer, message)
        return
    for name, count, low in zip(names, counts, at_chance, strict=True):
        if low:
            message = (
                f"{count / n:.0%} of nearest neighbours share the category, no more than by chance "
                f"({chance:.0%}) and unlike in other instances; is this network trained?"
            )
            yield Finding("warn", name, layer, message)


def _neighbours_alike(vector: Float[np.ndarray, " stimulus_pair"], codes: np.ndarray) -> int:
    """Count the stimuli whose nearest other stimulus is of their category."""
    n = len(codes)
    first, second = pair_indices(n)
    square = np.full((n, n), np.inf, np.float32)
    square[first, second] = square[second, first] = vector
    return int((codes[square.argmin(1)] == codes).sum())

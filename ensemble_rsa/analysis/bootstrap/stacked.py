"""Bootstrap statistics of RDMs on disk: sums over resampled stimulus pairs, tile by tile.

A range of pairs is a tile of rows of an RDM, and Σ w_a w_b M_ab over its pairs is a product of the
multiplicities with the tile, as in `forms`. Several thousand resamples share one pass over a layer.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.analysis.bootstrap.forms import (
    moment_pairs,
    pair_count,
    shared_variance,
    sums_of_pairs,
)
from ensemble_rsa.analysis.bootstrap.resampling import (
    ResampledValues,
    ResamplingOptions,
    Statistic,
)
from ensemble_rsa.analysis.categories import (
    Aggregate,
    category_clustering_index,
    index_of_sums,
)
from ensemble_rsa.analysis.consistency import consistency, within_category_consistency
from ensemble_rsa.arrays import LabelsLike, check_labels
from ensemble_rsa.arrays.stacks import RdmStack, pair_rows, row_of_pair, same_category_pairs
from ensemble_rsa.errors import InputError

_COUNTS = 2**26  # multiplicities in memory, of all resamples of one pass
_DEGENERATE = "two distinct instances or distances that differ"

Counts = Float[np.ndarray, "resample stimulus"]
Rows = Int[np.ndarray, " form"]
Codes = Int[np.ndarray, " stimulus"]


def statistic_of_stack(
    stack: RdmStack, options: ResamplingOptions, labels: LabelsLike, aggregate: Aggregate | None
) -> Statistic:
    """Consistency; with labels that within categories, or without an aggregate the index."""
    _check_interval(options)
    n = stack.n_stimuli
    codes = None if labels is None else check_labels("labels", labels, n)[0]
    degenerate, is_index = _DEGENERATE, labels is not None and aggregate is None
    if codes is None:
        observed = consistency(stack)
        resampled = lambda position: _resampled_consistency(stack[position])
    elif aggregate is None:
        observed = category_clustering_index(stack, labels)
        degenerate = "a pair within or a pair across categories, or distances above 0"
        resampled = lambda position: _resampled_index(stack[position], codes)
    else:
        observed = within_category_consistency(stack, labels, aggregate)
        degenerate = "two distinct instances or same-category distances that differ"
        groups: list[np.ndarray | None] = [None]
        if aggregate == "per_category":
            groups = [codes == code for code in np.unique(codes)]
        resampled = lambda position: _resampled_within(stack[position], codes, groups)
    return Statistic(
        "rdms", np.asarray(observed), stack.shape[-2], degenerate, n, resampled,
        of_pairs=not is_index, scale="raw" if is_index else "shared_variance",
        at_once=max(1, _COUNTS // n),
    )  # fmt: skip


def _check_interval(options: ResamplingOptions) -> None:
    """Raise for what deletes each stimulus in turn, which would be a resample for each."""
    by_deleting = options.interval != "percentile" and options.over in ("stimuli", "both")
    if by_deleting:
        raise InputError(
            f"interval: expected 'percentile' over {options.over} for RDMs on disk, got "
            f"{options.interval!r}, which deletes every stimulus in turn"
        )


def _resampled_consistency(stack: RdmStack) -> ResampledValues:
    n_instances = stack.n_rdms

    def values(counts: Counts) -> Float[np.ndarray, "resample instance_pair"]:
        sums = quadratic_sums(stack, *_standard(stack), counts, *moment_pairs(n_instances))
        return shared_variance(sums, pair_count(counts), n_instances)

    return values


def _resampled_within(
    stack: RdmStack, codes: Codes, groups: list[np.ndarray | None]
) -> ResampledValues:
    n_instances = stack.n_rdms
    forms = np.triu_indices(n_instances + 1)

    def values(counts: Counts) -> Float[np.ndarray, "resample instance_pair"]:
        each = [np.zeros((len(forms[0]), len(counts))) for _ in groups]
        for rows, one, other in _within(stack, codes, *_standard(stack)):
            for sums, group in zip(each, groups, strict=True):
                kept = slice(None) if group is None else group[one]
                sums += sums_of_pairs(rows[:, kept], one[kept], other[kept], counts, *forms)
        return np.mean([shared_variance(s[:-1], s[-1], n_instances) for s in each], axis=0)

    return values


def _resampled_index(stack: RdmStack, codes: Codes) -> ResampledValues:
    n_instances = stack.n_rdms
    forms = np.arange(n_instances + 1), np.full(n_instances + 1, n_instances)
    largest = stack.largest[stack.numbers][:, None]  # the index does not depend on scale
    scaling = np.zeros_like(largest), np.where(largest > 0, largest, 1)

    def values(counts: Counts) -> Float[np.ndarray, "resample instance"]:
        total = quadratic_sums(stack, *scaling, counts, *(side[:-1] for side in forms))
        within = np.zeros((n_instances + 1, len(counts)))
        for rows, one, other in _within(stack, codes, *scaling):
            within += sums_of_pairs(rows, one, other, counts, *forms)
        return index_of_sums(total, within[:-1], pair_count(counts), within[-1]).T

    return values


def _standard(stack: RdmStack) -> tuple[np.ndarray, np.ndarray]:
    """What to subtract from RDMs, and to divide by, so that they are centred and at most 1."""
    mean, least, largest = (
        part[stack.numbers][:, None] for part in (stack.means, stack.least, stack.largest)
    )
    return mean, np.maximum(largest - mean, mean - least)


def _scaled(rows: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return (rows - shift.astype(np.float32)) / scale.astype(np.float32)


def quadratic_sums(
    stack: RdmStack,
    shift: Float[np.ndarray, "instance 1"],
    scale: Float[np.ndarray, "instance 1"],
    counts: Counts,
    first: Rows,
    second: Rows,
) -> Float[np.ndarray, "form resample"]:
    """Σ w_a w_b x_first x_second over all pairs a < b, for all rows w of `counts`.

    x are the RDMs of the stack minus `shift`, over `scale`, and last a row of ones.
    """
    n, weights = stack.n_stimuli, counts.astype(np.float32)
    sums = np.zeros((len(first), len(counts)))
    for pairs, rows in stack.ranges():
        top, bottom = (row_of_pair(pair, n) for pair in (pairs.start, pairs.stop - 1))
        tile = np.zeros((stack.n_rdms + 1, bottom - top + 1, n - top - 1), np.float32)
        scaled = _scaled(rows, shift, scale)
        for row, others, places in pair_rows(pairs, n):
            columns = slice(others.start - top - 1, others.stop - top - 1)
            tile[:-1, row - top, columns] = scaled[:, places]
            tile[-1, row - top, columns] = 1
        of_rows, of_columns = weights[:, top : bottom + 1], weights[:, top + 1 :]
        for k, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
            products = of_columns @ (tile[i] * tile[j]).T
            products *= of_rows
            sums[k] += products.sum(1, dtype=np.float64)
    return sums


def _within(
    stack: RdmStack, codes: Codes, shift: np.ndarray, scale: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the distances within categories, and the two stimuli of each."""
    for pairs, rows in stack.ranges():
        same = same_category_pairs(codes, pairs)
        one, other = np.empty((2, pairs.stop - pairs.start), np.int32)
        for row, others, places in pair_rows(pairs, stack.n_stimuli):
            one[places], other[places] = row, np.arange(others.start, others.stop)
        if same.size:
            yield _scaled(rows[:, same], shift, scale), one[same], other[same]

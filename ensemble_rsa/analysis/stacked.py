"""Sums over the pairs of RDMs that are read from disk, and the similarities that follow from them.

One pass over a stack gives Σ(x − p) and Σ(x − p)(y − p') for every two RDMs x and y, in float64,
over all pairs of stimuli and over those of one category. Here p is the mean of an RDM in float32,
so that close distances subtract exactly. Correlations, cosines, the clustering index, noise
ceilings and distances between RDMs are functions of these sums.

A pass sums blocks of pairs, and then these sums, so that blocks which others have summed, such as
the workers of a cluster, give the same numbers.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.arrays import check_varied, is_constant, is_zero
from ensemble_rsa.arrays.stacks import RdmStack, pair_rows, same_category_pairs
from ensemble_rsa.errors import InputError, check_name
from ensemble_rsa.rdm.compare import COMPARISONS, Comparison, ComparisonName

_MOST_BLOCKS = 64  # of a pass; as many workers can share one
_MOST_BYTES = 2**31  # of the sums of all blocks, which one process collects
_COLUMNS = 2**13  # of a product: its factors stay in a CPU cache
_CONSTANT = 8 * 2.0**-24  # spread over the largest distance, as in `arrays.constant`

Codes = Int[np.ndarray, " stimulus"]
# Σ(x − p) and Σ(x − p)(y − p'), of all pairs and of those within categories.
BlockSums = tuple[Float[np.ndarray, "2 rdm"], Float[np.ndarray, "2 rdm rdm"]]


@dataclass(frozen=True)
class PairSums:
    """Sums over some pairs of stimuli.

    Attributes:
        n: how many pairs there are, `(...)`.
        pivots: what was subtracted from each RDM, `(..., instance)`.
        totals: Σ(x − p), `(..., instance)`.
        products: Σ(x − p)(y − p'), `(..., instance, instance)`.
    """

    n: Any
    pivots: Float[np.ndarray, "... instance"]
    totals: Float[np.ndarray, "... instance"]
    products: Float[np.ndarray, "... instance instance"]

    @property
    def sums(self) -> Float[np.ndarray, "... instance"]:
        """The sum of the distances of each RDM."""
        return np.asarray(self.n)[..., None] * self.pivots + self.totals

    def similarity(self, how: Comparison, largest: Any) -> Float[np.ndarray, "... n n"]:
        """Correlations or cosines; NaN where an RDM is constant, or for cosines zero."""
        n = np.asarray(self.n)[..., None, None]
        one, other = self.totals[..., :, None], self.totals[..., None, :]
        if how.centre:
            products = self.products - one * other / n
        else:
            p, q = self.pivots[..., :, None], self.pivots[..., None, :]
            products = self.products + p * other + one * q + n * p * q
        squares = np.diagonal(products, axis1=-2, axis2=-1)
        least = (_CONSTANT * largest) ** 2 * np.asarray(self.n)[..., None] if how.centre else 0.0
        lengths = np.sqrt(np.where(squares > least, squares, np.nan))
        found = np.clip(products / (lengths[..., :, None] * lengths[..., None, :]), -1, 1)
        return found**2 if how.square else found


def similarities(
    name: str,
    stack: RdmStack,
    comparison: ComparisonName = "pearson_squared",
    codes: Codes | None = None,
    per_category: bool = False,
) -> Float[np.ndarray, "... instance instance"]:
    """Similarity of every two RDMs on the last leading axis.

    With `codes`, over pairs of stimuli of one category: `(..., instance, instance)` of all of them,
    or `(category, ..., instance, instance)`.

    Raises:
        InputError: a comparison that is not one of sums, or an RDM that is constant (for the
            cosine, all zero).
    """
    how = check_of_sums(name, stack, comparison)
    if codes is None:
        sums = pair_sums(stack)
    else:
        sums = sums_of_categories(stack, codes) if per_category else sums_within(stack, codes)
    found = sums.similarity(how, stack.largest[stack.numbers])
    ranges = np.stack([stack.least, stack.largest], axis=-1).astype(np.float32)
    is_undefined = is_constant if how.centre else is_zero
    undefined = [is_undefined(ranges[number]) for number in stack.numbers.reshape(-1)]
    where = np.reshape(undefined, stack.numbers.shape)[..., None]
    check_varied(name, np.where(where, np.nan, found))
    return found


def check_of_sums(name: str, stack: RdmStack, comparison: ComparisonName) -> Comparison:
    """Return how RDMs are compared; raise unless sums over pairs suffice for it."""
    check_name("comparison", comparison, COMPARISONS)
    how = COMPARISONS[comparison]
    if how.form != "values":
        possible = ", ".join(each for each, one in COMPARISONS.items() if one.form == "values")
        raise InputError(
            f"comparison: {comparison!r} needs all distances of an RDM in memory at once, and "
            f"{name} are {stack.n_rdms} RDMs of {stack.n_stimuli} stimuli on disk; choose from "
            f"{possible}, or fewer stimuli"
        )
    return how


def check_no_missing(missing: str) -> None:
    """Raise for `missing="drop"`: what is written to a store is complete."""
    if missing != "refuse":
        raise InputError(f"missing: expected 'refuse' for RDMs on disk, got {missing!r}")


def pair_sums(stack: RdmStack) -> PairSums:
    """Sums over all pairs of stimuli."""
    return _among(stack, _found(stack, None), "every", stack.n_pairs)


def sums_within(stack: RdmStack, codes: Codes) -> PairSums:
    """Sums over all pairs of stimuli of one category."""
    sizes = np.bincount(codes)
    return _among(stack, _found(stack, codes), "within", int((sizes * (sizes - 1) // 2).sum()))


def sums_of_categories(stack: RdmStack, codes: Codes) -> PairSums:
    """The same for each category, on a first axis."""
    sizes = np.bincount(codes)
    leading = stack.numbers.shape[:-1]
    totals = np.zeros((len(sizes), *stack.numbers.shape))
    products = np.zeros((len(sizes), *stack.numbers.shape, stack.numbers.shape[-1]))
    pivots = _pivots(stack).reshape(stack.numbers.shape)
    for pairs, rows in stack.ranges():
        deviations = rows - pivots.reshape(-1, 1)
        for row, others, places in pair_rows(pairs, stack.n_stimuli):
            same = np.flatnonzero(codes[others] == codes[row]) + places.start
            part = deviations[:, same].reshape(*stack.numbers.shape, len(same))
            totals[codes[row]] += part.sum(-1)
            products[codes[row]] += part @ part.mT
    n = (sizes * (sizes - 1) // 2).reshape(-1, *(1 for _ in leading))
    return PairSums(n, np.broadcast_to(pivots, totals.shape), totals, products)


def pass_over(stack: RdmStack, codes: Codes | None = None) -> None:
    """Find the sums over all pairs, and over those of one category, in one pass.

    Raises:
        InputError: distances that do not add up to what was written.
    """
    _found(stack, codes)


def _pivots(stack: RdmStack) -> Float[np.ndarray, " rdm"]:
    return stack.means[stack.numbers.reshape(-1)].astype(np.float32).astype(np.float64)


def is_passed_over(stack: RdmStack, codes: Codes | None = None) -> bool:
    """Whether the sums that `pass_over` finds are known."""
    return _known(stack, codes) is not None


def keep_blocks(stack: RdmStack, codes: Codes | None, sums: Iterable[BlockSums]) -> None:
    """Keep with a stack what `pass_over` finds, from the sums of all blocks in their order.

    Raises:
        InputError: distances that do not add up to what was written.
    """
    n, pivots = stack.n_rdms, _pivots(stack)
    totals, products = np.zeros((2, n)), np.zeros((2, n, n))
    for more_totals, more_products in sums:
        totals += more_totals
        products += more_products
    stack.check_sums(totals[0] + stack.n_pairs * pivots)
    stack.found[_name(codes)] = {
        "numbers": stack.numbers.reshape(-1),
        "pivots": pivots,
        "every_totals": totals[0],
        "every_products": products[0],
        "within_totals": totals[1],
        "within_products": products[1],
    }


def _found(stack: RdmStack, codes: Codes | None) -> dict[str, np.ndarray]:
    """What a pass has found, of these RDMs and perhaps more; it is made if there was none."""
    if (known := _known(stack, codes)) is not None:
        return known
    ranges = stack.ranges()
    blocks = (_sums(stack, codes, islice(ranges, len(block))) for block in blocks_of(stack))
    keep_blocks(stack, codes, blocks)
    return stack.found[_name(codes)]


def _known(stack: RdmStack, codes: Codes | None) -> dict[str, np.ndarray] | None:
    name = _name(codes)
    known = [each for key, each in stack.found.items() if key.partition("-")[0] == "sums"]
    if codes is not None:
        known = [stack.found[name]] if name in stack.found else []
    for each in known:
        if np.isin(stack.numbers, each["numbers"]).all():
            return each
    return None


def _name(codes: Codes | None) -> str:
    return "sums" if codes is None else f"sums-{_digest(codes)}"


def blocks_of(stack: RdmStack) -> list[list[slice]]:
    """The blocks of pairs that a pass is made of, each as its ranges.

    >>> stack = RdmStack(None, np.array([0]), 5, np.zeros(1), np.zeros(1), np.ones(1))
    >>> blocks_of(stack)
    [[slice(0, 10, None)]]
    """
    parts, n_bytes = stack.parts(), 16 * stack.n_rdms**2
    size = -(-len(parts) // max(1, min(_MOST_BLOCKS, _MOST_BYTES // n_bytes)))
    return [parts[start : start + size] for start in range(0, len(parts), size)]


def sums_of_block(stack: RdmStack, codes: Codes | None, block: Sequence[slice]) -> BlockSums:
    """The sums of a block of pairs, for `keep_blocks`."""
    return _sums(stack, codes, stack.ranges(block))


def _sums(
    stack: RdmStack, codes: Codes | None, ranges: Iterable[tuple[slice, np.ndarray]]
) -> BlockSums:
    n, pivots = stack.n_rdms, _pivots(stack)
    totals, products = np.zeros((2, n)), np.zeros((2, n, n))
    for pairs, rows in ranges:
        _add(totals[0], products[0], rows, pivots)
        if codes is not None:
            same = same_category_pairs(codes, pairs)
            _add(totals[1], products[1], rows[:, same], pivots)
    return totals, products


def _add(totals: np.ndarray, products: np.ndarray, rows: np.ndarray, pivots: np.ndarray) -> None:
    """Add the sums of a range, in pieces whose float64 copy stays in a cache."""
    for piece in _pieces(rows):
        deviations = piece - pivots[:, None]
        totals += deviations.sum(1)
        products += deviations @ deviations.T


def _pieces(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, rows.shape[1], _COLUMNS):
        yield rows[:, start : start + _COLUMNS]


def _among(stack: RdmStack, found: dict[str, np.ndarray], kind: str, n: int) -> PairSums:
    """The sums of the RDMs of a stack, among those that a pass has found."""
    order = np.argsort(found["numbers"])
    place = order[np.searchsorted(found["numbers"], stack.numbers, sorter=order)]
    totals, products = found[f"{kind}_totals"], found[f"{kind}_products"]
    between = products[place[..., :, None], place[..., None, :]]
    n_each = np.full(place.shape[:-1], n)
    return PairSums(n_each, found["pivots"][place], totals[place], between)


def _digest(codes: Codes) -> str:
    return hashlib.blake2b(codes.astype("<i8").tobytes(), digest_size=8).hexdigest()

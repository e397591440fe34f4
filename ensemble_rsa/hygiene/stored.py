"""Findings on RDMs on disk: those of `representations` that one pass over them gives."""

from collections.abc import Iterator

import numpy as np

from ensemble_rsa.analysis.stacked import pair_sums, pass_over
from ensemble_rsa.arrays import check_labels
from ensemble_rsa.arrays.stacks import first_pair, row_of_pair
from ensemble_rsa.hygiene.finding import Finding
from ensemble_rsa.hygiene.representations import (
    EQUAL,
    FEWEST_STIMULI,
    constant_patterns,
    equal_rdms,
    outliers,
    shown_twice,
)
from ensemble_rsa.rdm.compare import COMPARISONS
from ensemble_rsa.store.reader import RdmStore

_MOST_TWICE = 10_000  # pairs of equal stimuli that are looked at


def check_stored(store: RdmStore) -> list[Finding]:
    """Return findings on the RDMs of a store: equal ones, outliers, stimuli shown twice.

    Nearest neighbours are not compared with categories, which is noted.
    """
    rdms, stack = store.dataset, store.exemplar
    found = [*constant_patterns(rdms)]
    if rdms.sizes["stimulus"] < FEWEST_STIMULI:
        return found
    pass_over(stack, check_labels("category", rdms.category.values)[0])
    store.keep()
    with np.errstate(all="ignore"):
        similarity = pair_sums(stack).similarity(
            COMPARISONS["pearson"], stack.largest[stack.numbers]
        )
    layers, names = rdms.layer.values.tolist(), rdms.instance.values.tolist()
    correlations = dict(zip(layers, np.nan_to_num(similarity), strict=True))

    def same(layer: str, one: int, other: int) -> bool:
        two = stack[layers.index(layer), [one, other]]
        most = EQUAL * stack.largest[two.numbers[0]]
        return all(bool(np.abs(a - b).max() <= most) for _, (a, b) in two.ranges())

    skipped = "nearest neighbours were not compared with categories, as RDMs exceed memory"
    return [
        *equal_rdms(names, correlations, same),
        *outliers(names, correlations),
        *found,
        *_shown_twice(store),
        Finding("note", None, None, skipped),
    ]


def _shown_twice(store: RdmStore) -> Iterator[Finding]:
    """Stimuli without any distance in any layer of any instance."""
    stack, n = store.exemplar, store.exemplar.n_stimuli
    if store.dataset.attrs.get("distance") == "norm_difference":
        return  # equal lengths are no equal patterns
    flat = stack.reshape(stack.n_rdms, stack.n_pairs)
    largest = stack.largest[flat.numbers]
    if (stack.least[flat.numbers] > EQUAL * largest).any():
        return
    candidates = [
        pairs.start + np.flatnonzero(rows[0] <= EQUAL * largest[0])
        for pairs, rows in flat[:1].ranges()
    ]
    kept = []
    for pair in np.concatenate(candidates)[:_MOST_TWICE].tolist():
        values = [stack.read(number, pair, pair + 1)[0] for number in flat.numbers.tolist()]
        if (values <= EQUAL * largest).all():
            row = row_of_pair(pair, n)
            kept.append((row, row + 1 + pair - first_pair(row, n)))
    if kept:
        ids = store.dataset.stimulus.values.tolist()
        yield shown_twice([f"{ids[one]} and {ids[other]}" for one, other in kept])

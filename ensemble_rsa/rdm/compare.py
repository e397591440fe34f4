"""Comparisons of RDMs: the similarity of every row with every other.

Names say whether a similarity is squared. Squared ones are between 0 and 1, the others between −1
and 1 (the cosine of distances, which are not negative: between 0 and 1).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import check_varied
from ensemble_rsa.errors import check_name
from ensemble_rsa.numerics import correlation_matrix, pair_indices

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    ComparisonName = Literal["pearson_squared", "pearson", "spearman_squared", "spearman", "cosine"]
else:
    ComparisonName = str


class Comparison(NamedTuple):
    """A correlation or cosine, of values or ranks, squared or not."""

    ranks: bool = False
    centre: bool = True
    square: bool = False


COMPARISONS: Mapping[ComparisonName, Comparison] = MappingProxyType(
    {
        "pearson_squared": Comparison(square=True),
        "pearson": Comparison(),
        "spearman_squared": Comparison(ranks=True, square=True),
        "spearman": Comparison(ranks=True),
        "cosine": Comparison(centre=False),
    }
)


def compare_rows(
    rows: Any, others: Any = None, comparison: ComparisonName = "pearson_squared"
) -> Float[np.ndarray, "... row other_row"]:
    """Similarity of every row with every other one, float64; input as in `correlation_matrix`.

    Each row is centred, or ranked, once. Ties get the mean of their ranks, as in SciPy; ranks take
    as much memory as one leading position of the rows. Where a row is constant (for the cosine: all
    zero) the result is NaN, which callers must check for, for example by `arrays.check_varied`.

    >>> rows = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0], [0.0, -1.0, -3.0]])
    >>> compare_rows(rows, rows[:1], "spearman").round(6)
    array([[ 1.],
           [ 1.],
           [-1.]])
    """
    check_name("comparison", comparison, COMPARISONS)
    how = COMPARISONS[comparison]
    similarity = correlation_matrix(rows, others, how.centre, _ranks if how.ranks else None)
    return similarity**2 if how.square else similarity


def compare_pairs(
    name: str, rows: Any, comparison: ComparisonName = "pearson_squared"
) -> Float[np.ndarray, "... row_pair"]:
    """Similarity of every two rows, as `itertools.combinations`; a constant row is refused."""
    similarity = compare_rows(rows, comparison=comparison)
    check_varied(name, similarity)
    return similarity[..., *pair_indices(rows.shape[-2])]


def _ranks(rows: np.ndarray) -> Float[np.ndarray, "... column"]:
    """Ranks counted from the middle; float32, unless the rows are wider, holds 2²³ of them."""
    flat = rows.reshape(-1, rows.shape[-1])
    ranks = np.empty(flat.shape, np.float64 if rows.dtype.itemsize > 4 else np.float32)
    for i, row in enumerate(flat):
        order = np.argsort(row)
        ordered = row[order]
        changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        starts = np.concatenate([[0], changes])
        sizes = np.diff(starts, append=row.size)
        ranks[i, order] = np.repeat(starts + (sizes - row.size) / 2, sizes)  # ties share the middle
    return ranks.reshape(rows.shape)

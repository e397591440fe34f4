"""Comparisons of RDMs: the similarity of every row with every other.

- `pearson`, `spearman`, `cosine` are those of the distances.
- `rho_a` is Spearman's correlation expected if ties were broken at random, and `tau_a` the share of
  concordant minus discordant pairs of distances, ties counting as neither (Schütt et al. 2023,
  doi:10.7554/eLife.82566). Unlike `spearman`, they do not favour RDMs with many ties.
- `corr_cov` and `cosine_cov` are the correlation and the cosine of whitened distances, which
  account for distances that share a stimulus (Diedrichsen et al. 2021, arXiv 2007.02789). The
  latter is linear CKA of the patterns if the distances are squared Euclidean ones.

Names say whether a similarity is squared. Squared ones are between 0 and 1, the others between −1
and 1 (the cosine of distances, which are not negative: between 0 and 1).
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.arrays import check_varied
from ensemble_rsa.errors import check_name
from ensemble_rsa.numerics import correlation_matrix, pair_indices
from ensemble_rsa.rdm.concordance import tau_a_matrix
from ensemble_rsa.rdm.whitening import whitened

Form = Literal["values", "ranks", "concordance", "whitened"]
if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    ComparisonName = Literal[
        "pearson_squared", "pearson", "spearman_squared", "spearman", "cosine_squared", "cosine",
        "rho_a_squared", "rho_a", "tau_a_squared", "tau_a", "corr_cov_squared", "corr_cov",
        "cosine_cov_squared", "cosine_cov",
    ]  # fmt: skip
else:
    ComparisonName = str


class Comparison(NamedTuple):
    """What is compared, and how.

    Attributes:
        form: the distances themselves, their ranks, the order of every two, or whitened distances.
        centre: whether rows are centred first; a comparison without is of RDMs' angles from zero.
        square: whether the similarity is squared.
        untied: whether ranks are divided by the length that they have without ties.
    """

    form: Form = "values"
    centre: bool = True
    square: bool = False
    untied: bool = False

    @property
    def signed(self) -> bool:
        """Whether unrelated RDMs have a similarity of 0 on average."""
        return self.centre and not self.square


_UNSQUARED = {
    "pearson": Comparison(),
    "spearman": Comparison("ranks"),
    "cosine": Comparison(centre=False),
    "rho_a": Comparison("ranks", untied=True),
    "tau_a": Comparison("concordance"),
    "corr_cov": Comparison("whitened"),
    "cosine_cov": Comparison("whitened", centre=False),
}
COMPARISONS: Mapping[ComparisonName, Comparison] = MappingProxyType(
    {
        name + suffix: how._replace(square=bool(suffix))
        for name, how in _UNSQUARED.items()
        for suffix in ("_squared", "")
    }
)  # pyright: ignore[reportAssignmentType]


def compare_rows(
    rows: Any,
    others: Any = None,
    comparison: ComparisonName = "pearson_squared",
    present: Bool[np.ndarray, " all_columns"] | None = None,
) -> Float[np.ndarray, "... row other_row"]:
    """Similarity of every row with every other one, float64; input as in `correlation_matrix`.

    Each row is centred, ranked or whitened once. Ties get the mean of their ranks, as in SciPy;
    ranks take as much memory as one leading position of the rows, whitened rows up to twice as much
    in float64. Where a row is constant (for the cosines: all zero) the result is NaN, which callers
    must check for, for example by `arrays.check_varied`.

    `present` says which distances of a complete RDM the columns are, where some are left out.

    >>> rows = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0], [0.0, -1.0, -3.0]])
    >>> compare_rows(rows, rows[:1], "spearman").round(6)
    array([[ 1.],
           [ 1.],
           [-1.]])
    """
    check_name("comparison", comparison, COMPARISONS)
    how = COMPARISONS[comparison]
    if how.form == "concordance":
        similarity = tau_a_matrix(rows, others)
    elif how.form == "whitened":
        transform = partial(whitened, centre=how.centre, present=present)
        similarity = correlation_matrix(rows, others, False, transform)
    elif how.form == "ranks":
        n = rows.shape[-1]
        square_length = (float(n) ** 3 - n) / 12 if how.untied else None
        similarity = correlation_matrix(rows, others, True, ranks_of, square_length)
    else:
        similarity = correlation_matrix(rows, others, how.centre)
    return similarity**2 if how.square else similarity


def compare_pairs(
    name: str,
    rows: Any,
    comparison: ComparisonName = "pearson_squared",
    present: Bool[np.ndarray, " all_columns"] | None = None,
) -> Float[np.ndarray, "... row_pair"]:
    """Similarity of every two rows, as `itertools.combinations`; a constant row is refused."""
    similarity = compare_rows(rows, None, comparison, present)
    check_varied(name, similarity)
    return similarity[..., *pair_indices(rows.shape[-2])]


def ranks_of(rows: np.ndarray) -> Float[np.ndarray, "... column"]:
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

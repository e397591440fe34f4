import itertools

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from ensemble_rsa import numerics
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm import compare as comparisons
from ensemble_rsa.rdm.compare import COMPARISONS, compare_rows
from ensemble_rsa.rdm.missing import compare_rows_present


def of_whitened(x, y):
    """The cosine under the covariance of distances, written out."""
    n = (1 + round(np.sqrt(1 + 8 * x.size))) // 2
    contrasts = np.zeros((x.size, n))
    for row, (i, j) in enumerate(itertools.combinations(range(n), 2)):
        contrasts[row, [i, j]] = 1, -1
    inverse = np.linalg.inv((contrasts @ contrasts.T) ** 2)
    return x @ inverse @ y / np.sqrt((x @ inverse @ x) * (y @ inverse @ y))


def rho_a(x, y):
    x, y = (rankdata(v) - (v.size + 1) / 2 for v in (x, y))
    return 12 * x @ y / (x.size**3 - x.size)


def tau_a(x, y):
    signs = [np.sign(v[:, None] - v) for v in (x, y)]
    return (signs[0] * signs[1]).sum() / (x.size * (x.size - 1))


UNSQUARED = {
    "pearson": lambda x, y: pearsonr(x, y)[0],
    "spearman": lambda x, y: spearmanr(x, y)[0],
    "cosine": lambda x, y: x @ y / np.sqrt((x @ x) * (y @ y)),
    "rho_a": rho_a,
    "tau_a": tau_a,
    "corr_cov": lambda x, y: of_whitened(x - x.mean(), y - y.mean()),
    "cosine_cov": of_whitened,
}
REFERENCES = UNSQUARED | {
    f"{name}_squared": lambda x, y, similarity=similarity: similarity(x, y) ** 2
    for name, similarity in UNSQUARED.items()
}
OF_RSATOOLBOX = {
    "pearson": "corr", "spearman": "spearman", "cosine": "cosine", "rho_a": "rho-a",
    "tau_a": "tau-a", "corr_cov": "corr_cov", "cosine_cov": "cosine_cov",
}  # fmt: skip


def rows_with_ties(rng, *shape, offset=0.0):
    shared = rng.normal(size=shape[-1])
    return offset + np.round(shared + rng.normal(size=shape), 1)


def one_by_one(rows, others, comparison):
    return [[REFERENCES[comparison](x, y) for y in others] for x in rows.astype(np.float64)]


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-13)])
def test_all_pairs_are_those_of_the_reference(rng, comparison, dtype, tolerance):
    rows = rows_with_ties(rng, 4, 190).astype(dtype)
    result = compare_rows(rows, comparison=comparison)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, one_by_one(rows, rows, comparison), rtol=0, atol=tolerance)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_two_groups_whose_leading_axes_broadcast(rng, comparison):
    rows, others = rows_with_ties(rng, 2, 3, 4, 28), rows_with_ties(rng, 3, 2, 28)
    result = compare_rows(rows, others, comparison)
    assert result.shape == (2, 3, 4, 2)
    for position in np.ndindex(2, 3):
        expected = one_by_one(rows[position], others[position[1]], comparison)
        np.testing.assert_allclose(result[position], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("entries", [4, 400])  # less than a row; a few positions at once
def test_blocks_change_nothing(rng, comparison, entries, monkeypatch):
    rows, others = rows_with_ties(rng, 5, 4, 28), rows_with_ties(rng, 1, 2, 28)
    whole = compare_rows(rows, others, comparison)
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", entries)
    monkeypatch.setattr(numerics, "_NARROWEST", 3)
    np.testing.assert_allclose(compare_rows(rows, others, comparison), whole, rtol=0, atol=1e-13)


@pytest.mark.parametrize("spread", [1e-25, 1e-15, 1e15, 1e25])
@pytest.mark.parametrize("comparison", COMPARISONS)
def test_any_scale(rng, spread, comparison):
    rows = rows_with_ties(rng, 3, 45)
    result = compare_rows((spread * rows).astype(np.float32), comparison=comparison)
    np.testing.assert_allclose(result, one_by_one(rows, rows, comparison), rtol=0, atol=1e-6)


def test_ranks_of_whole_numbers_beyond_float32():
    rows = 2**40 + np.array([[0, 1, 2, 3], [1, 0, 3, 2]])
    np.testing.assert_allclose(compare_rows(rows, comparison="spearman")[0, 1], 0.6, atol=1e-7)


def test_where_a_similarity_is_undefined():
    rows = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0], [0.0, 0.0, 0.0]])
    undefined = {
        name: np.isnan(np.diagonal(compare_rows(rows, comparison=name))).tolist()
        for name in COMPARISONS
    }
    constant, zero = [False, True, True], [False, False, True]
    assert undefined == {
        name: zero if name.startswith("cosine") else constant for name in COMPARISONS
    }


def test_an_unknown_comparison_is_named():
    with pytest.raises(InputError, match="comparison: unknown 'kendall'; choose from pearson_sq"):
        compare_rows(np.eye(3), comparison="kendall")
    assert set(comparisons.COMPARISONS) == set(REFERENCES)


def test_the_wider_group_sets_the_width_of_a_block(rng, monkeypatch):
    """Working memory stays bounded when few rows meet many."""
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", numerics._HOST_SHARE * 20 * 5)
    monkeypatch.setattr(numerics, "_NARROWEST", 1)
    rows, others = rng.normal(size=(1, 30)), rng.normal(size=(20, 30))
    widths = [block.stop - block.start for block in numerics._column_blocks([rows, others])]
    assert widths == [5] * 6


@pytest.mark.parametrize("comparison", UNSQUARED)
@pytest.mark.parametrize("missing", [False, True])
def test_similarities_are_those_of_rsatoolbox(rng, comparison, missing):
    toolbox = pytest.importorskip("rsatoolbox")
    rows, others = rows_with_ties(rng, 4, 190), rows_with_ties(rng, 3, 190, offset=5.0)
    if missing:  # rsatoolbox drops a pair for all RDMs, so all lack the same
        rows[:, :25] = others[:, :25] = np.nan
    expected = toolbox.rdm.compare(
        toolbox.rdm.RDMs(rows), toolbox.rdm.RDMs(others), OF_RSATOOLBOX[comparison]
    )
    found = compare_rows_present("rdms", rows, others, comparison)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    if not missing:
        np.testing.assert_allclose(
            compare_rows(rows, others, comparison), expected, rtol=0, atol=1e-12
        )

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from ensemble_rsa import numerics
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm import compare as comparisons
from ensemble_rsa.rdm.compare import COMPARISONS, compare_rows

SCIPY = {
    "pearson": lambda x, y: pearsonr(x, y)[0],
    "pearson_squared": lambda x, y: pearsonr(x, y)[0] ** 2,
    "spearman": lambda x, y: spearmanr(x, y)[0],
    "spearman_squared": lambda x, y: spearmanr(x, y)[0] ** 2,
    "cosine": lambda x, y: x @ y / np.sqrt((x @ x) * (y @ y)),
}


def rows_with_ties(rng, *shape, offset=0.0):
    shared = rng.normal(size=shape[-1])
    return offset + np.round(shared + rng.normal(size=shape), 1)


def one_by_one(rows, others, comparison):
    return [[SCIPY[comparison](x, y) for y in others] for x in rows.astype(np.float64)]


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-13)])
def test_all_pairs_are_scipys(rng, comparison, dtype, tolerance):
    rows = rows_with_ties(rng, 4, 200).astype(dtype)
    result = compare_rows(rows, comparison=comparison)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, one_by_one(rows, rows, comparison), rtol=0, atol=tolerance)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_two_groups_whose_leading_axes_broadcast(rng, comparison):
    rows, others = rows_with_ties(rng, 2, 3, 4, 30), rows_with_ties(rng, 3, 2, 30)
    result = compare_rows(rows, others, comparison)
    assert result.shape == (2, 3, 4, 2)
    for position in np.ndindex(2, 3):
        expected = one_by_one(rows[position], others[position[1]], comparison)
        np.testing.assert_allclose(result[position], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("entries", [4, 400])  # less than a row; a few positions at once
def test_blocks_change_nothing(rng, comparison, entries, monkeypatch):
    rows, others = rows_with_ties(rng, 5, 4, 30), rows_with_ties(rng, 1, 2, 30)
    whole = compare_rows(rows, others, comparison)
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", entries)
    monkeypatch.setattr(numerics, "_NARROWEST", 3)
    np.testing.assert_allclose(compare_rows(rows, others, comparison), whole, rtol=0, atol=1e-13)


@pytest.mark.parametrize("spread", [1e-25, 1e-15, 1e15, 1e25])
@pytest.mark.parametrize("comparison", COMPARISONS)
def test_any_scale(rng, spread, comparison):
    rows = rows_with_ties(rng, 3, 50)
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
    assert undefined == {name: zero if name == "cosine" else constant for name in COMPARISONS}


def test_an_unknown_comparison_is_named():
    with pytest.raises(InputError, match="comparison: unknown 'kendall'; choose from pearson_sq"):
        compare_rows(np.eye(3), comparison="kendall")
    assert set(comparisons.COMPARISONS) == set(SCIPY)


def test_the_wider_group_sets_the_width_of_a_block(rng, monkeypatch):
    """Working memory stays bounded when few rows meet many."""
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", numerics._HOST_SHARE * 20 * 5)
    monkeypatch.setattr(numerics, "_NARROWEST", 1)
    rows, others = rng.normal(size=(1, 30)), rng.normal(size=(20, 30))
    widths = [block.stop - block.start for block in numerics._column_blocks([rows, others])]
    assert widths == [5] * 6

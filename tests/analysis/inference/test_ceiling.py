import numpy as np
import pytest

from ensemble_rsa.analysis.inference.ceiling import leave_one_out, noise_ceiling
from ensemble_rsa.errors import InputError

THEIRS = {
    "pearson": "corr", "spearman": "spearman", "cosine": "cosine", "rho_a": "rho-a",
    "tau_a": "tau-a", "corr_cov": "corr_cov", "cosine_cov": "cosine_cov",
}  # fmt: skip


def people(n=5):
    rng = np.random.default_rng(0)
    return np.round(np.random.default_rng(1).random(66) + rng.random((n, 66)), 2)


@pytest.mark.parametrize("comparison", THEIRS)
@pytest.mark.filterwarnings("ignore:Noise ceiling for tau")
def test_bounds_are_those_of_rsatoolbox(comparison):
    toolbox = pytest.importorskip("rsatoolbox")
    from rsatoolbox.util.pooling import pool_rdm

    how, rdms = THEIRS[comparison], toolbox.rdm.RDMs(people())
    similarity = [
        [
            toolbox.rdm.compare(pool_rdm(pooled, how), toolbox.rdm.RDMs(people()[i : i + 1]), how)
            for i in range(5)
            for pooled in [toolbox.rdm.RDMs(np.delete(people(), i, 0)) if without else rdms]
        ]
        for without in (True, False)
    ]
    found = noise_ceiling(people(), comparison)
    # rsatoolbox finds the whitened lengths by iterations
    tolerance = 1e-5 if comparison.endswith("cov") else 1e-12
    expected = np.mean(similarity, axis=(1, 2, 3))
    np.testing.assert_allclose((found.lower, found.upper), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("comparison", ["pearson", "cosine", "corr_cov", "cosine_cov"])
def test_the_similarities_of_pairs_tell_that_with_the_mean_of_the_others(comparison):
    from ensemble_rsa.rdm.compare import compare_rows

    found = leave_one_out(compare_rows(people(), None, comparison)).mean()
    np.testing.assert_allclose(found, noise_ceiling(people(), comparison).lower, atol=1e-12)


def test_squares_are_averaged_and_leading_axes_kept_apart():
    stack = np.stack([people(), people()[::-1] ** 2])
    found = noise_ceiling(stack)
    one = noise_ceiling(stack[1])
    assert found.lower.shape == (2,)
    np.testing.assert_allclose((found.lower[1], found.upper[1]), (one.lower, one.upper))
    rows = people()
    z = (rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)
    others = [np.delete(z, i, 0).mean(0) for i in range(5)]
    expected = np.mean([np.corrcoef(z[i], others[i])[0, 1] ** 2 for i in range(5)])
    np.testing.assert_allclose(found.lower[0], expected)


def test_missing_distances_are_left_out_of_the_means():
    rows = people()
    rows[0, :6] = np.nan
    with pytest.warns(match="1 of 5 RDMs lack distances"):
        found = noise_ceiling(rows, missing="drop")
    assert found.lower < found.upper < 1
    with pytest.raises(InputError, match="rdms: expected finite numbers"):
        noise_ceiling(rows)

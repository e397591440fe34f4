"""The jackknife against a plain loop in float64, closed forms, and its coverage in a simulation."""

import re
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from ensemble_rsa.analysis.bootstrap.centroids import bootstrap_centroid_consistency
from ensemble_rsa.analysis.bootstrap.consistency import (
    bootstrap_category_clustering_index,
    bootstrap_consistency,
    bootstrap_mean,
    bootstrap_within_category_consistency,
)
from ensemble_rsa.analysis.bootstrap.jackknife import (
    jackknife_interval,
    jackknife_pairs,
    jackknife_statistic,
)
from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.errors import FewStimuliWarning, InputError

LABELS = list("aabbcc")


def rdms(n: int, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    """A shared pattern and noise of each instance's own, for six stimuli."""
    rng = np.random.default_rng(seed)
    return 3 + rng.random(15) + noise * rng.random((n, 15))


def by_loop(values: np.ndarray, n: int) -> tuple[float, float, float, float]:
    """Mean r², interval and p, from the formulas with pairs left out one instance at a time."""
    pairs = list(combinations(range(n), 2))
    z = lambda u: np.arctanh(np.sqrt(u))
    means = [
        np.mean([v for v, pair in zip(values, pairs, strict=True) if i not in pair])
        for i in range(n)
    ]
    centre, error = (
        z(np.mean(values)),
        np.sqrt((n - 1) / n * np.sum((z(means) - np.mean(z(means))) ** 2)),
    )
    reach = stats.t.ppf(0.975, n - 1) * error
    low, high = (np.tanh(max(0, end)) ** 2 for end in (centre - reach, centre + reach))
    return np.mean(values), low, high, 2 * stats.t.sf(centre / error, n - 1)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_mean_consistency_has_the_interval_of_fishers_z(n):
    values = np.corrcoef(rdms(n))[np.triu_indices(n, 1)] ** 2
    mean, low, high, p = by_loop(values, n)
    found = bootstrap_consistency(rdms(n), "instances", interval="jackknife")
    np.testing.assert_allclose([found.mean, found.low, found.high], [mean, low, high], atol=1e-5)
    assert (found.samples.shape, found.dropped) == ((n,), 0)
    of_pairs = jackknife_pairs(values, scale="shared_variance")
    np.testing.assert_allclose(
        [of_pairs.mean, of_pairs.low, of_pairs.high, of_pairs.p], [mean, low, high, p], rtol=1e-9
    )


def test_a_mean_over_instances_has_students_interval():
    values = np.array([0.2, 0.5, 0.3, 0.9])
    expected = stats.ttest_1samp(values, 0)
    low, high = expected.confidence_interval(0.9)
    found = jackknife_statistic(lambda kept: values[kept].mean(), 4, confidence=0.9)
    numbers = [found.low, found.high, found.p, found.standard_error]
    np.testing.assert_allclose(numbers, [low, high, expected.pvalue, stats.sem(values)], rtol=1e-9)
    found = bootstrap_mean(values, confidence=0.9, interval="jackknife")
    np.testing.assert_allclose([found.low, found.high], [low, high])


def test_any_statistic_is_an_interval_of_its_pseudo_values():
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 6, 8))  # instance, point
    r = lambda kept: np.corrcoef(x[kept].mean(0), y[kept].mean(0))[0, 1]
    whole = np.arctanh(r(np.arange(6)))
    pseudo = [6 * whole - 5 * np.arctanh(r(np.delete(np.arange(6), i))) for i in range(6)]
    reach = stats.t.ppf(0.975, 5) * stats.sem(pseudo)
    found = jackknife_statistic(r, 6, scale="correlation")
    ends = np.tanh([whole - reach, whole + reach])
    np.testing.assert_allclose([found.low, found.high], ends, rtol=1e-9)
    assert float(found.p) == pytest.approx(2 * stats.t.sf(abs(whole) / stats.sem(pseudo), 5))


def test_differences_of_pairs_are_paired_and_on_the_raw_scale():
    """With c the mean of an instance's pairs, pseudo-values are (2(n−1)c − nU)/(n−2)."""
    a, b = (np.corrcoef(rdms(5, seed))[np.triu_indices(5, 1)] ** 2 for seed in (0, 1))
    square = np.zeros((5, 5))
    square[np.triu_indices(5, 1)] = a - b
    means = (square + square.T).sum(1) / 4
    pseudo = (8 * means - 5 * means.mean()) / 3
    reach = stats.t.ppf(0.975, 4) * stats.sem(pseudo)
    found = jackknife_pairs(np.stack([a - b, b - a]))
    np.testing.assert_allclose(found.low, [(a - b).mean() - reach, (b - a).mean() - reach])
    np.testing.assert_allclose(found.standard_error, stats.sem(pseudo))


def test_other_measures_of_an_ensemble_have_the_same_interval():
    stack = rdms(5)
    within = bootstrap_within_category_consistency(
        stack, LABELS, over="instances", interval="jackknife"
    )
    same = [i for i, (a, b) in enumerate(combinations(LABELS, 2)) if a == b]
    values = np.corrcoef(stack[:, same])[np.triu_indices(5, 1)] ** 2
    np.testing.assert_allclose([within.low, within.high], by_loop(values, 5)[1:3], atol=1e-5)
    index = category_clustering_index(stack, LABELS)
    found = bootstrap_category_clustering_index(stack, LABELS, interval="jackknife")
    low, high = stats.t.interval(0.95, 4, np.mean(index), stats.sem(index))
    np.testing.assert_allclose([found.low, found.high], [low, high], atol=1e-6)
    patterns = np.random.default_rng(0).random((4, 6, 7))
    found = bootstrap_centroid_consistency(patterns, LABELS, over="instances", interval="jackknife")
    centroids = patterns.reshape(4, 3, 2, 7).mean(2)
    distances = np.array([1 - np.corrcoef(one)[np.triu_indices(3, 1)] for one in centroids])
    values = np.corrcoef(distances)[np.triu_indices(4, 1)] ** 2
    np.testing.assert_allclose([found.low, found.high], by_loop(values, 4)[1:3], atol=1e-4)


def test_over_both_the_variances_of_instances_and_stimuli_add_up_but_for_their_interaction():
    n, m, stack = 4, 6, rdms(4, noise=0.4)
    pairs = list(combinations(range(m), 2))

    def z(instances, stimuli):
        kept = [k for k, pair in enumerate(pairs) if {*pair} <= {*stimuli}]
        r = np.corrcoef(stack[np.ix_(instances, kept)])[np.triu_indices(len(instances), 1)]
        return np.arctanh(np.sqrt(np.mean(r**2)))

    but = lambda k, of: [i for i in range(of) if i != k]
    of_i = np.array([z(but(i, n), range(m)) for i in range(n)])
    of_s = np.array([z(range(n), but(k, m)) for k in range(m)])
    both = np.array([[z(but(i, n), but(k, m)) for i in range(n)] for k in range(m)])
    variances = [(len(x) - 1) * np.var(x) for x in (of_i, of_s)]
    rest = both - both.mean(0) - both.mean(1)[:, None] + both.mean()
    interaction = (n - 1) * (m - 1) * np.mean(rest**2)
    variance = max(sum(variances) - interaction, *variances)
    dof = variance**2 / (variances[0] ** 2 / (n - 1) + (variance - variances[0]) ** 2 / (m - 1))
    reach = stats.t.ppf(0.975, dof) * np.sqrt(variance)
    centre = z(range(n), range(m))
    expected = np.tanh([max(0, centre - reach), centre + reach]) ** 2
    found = bootstrap_consistency(np.stack([stack, stack]), "both", interval="jackknife")
    np.testing.assert_allclose([found.low[1], found.high[1]], expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.samples[0], np.tanh([*of_i, *of_s]) ** 2, rtol=1e-3)


def test_chance_correlation_of_both_is_told():
    with pytest.warns(FewStimuliWarning, match="with 6 stimuli is mostly chance correlation"):
        bootstrap_consistency(rdms(4, noise=30.0), "both", interval="jackknife")


def test_identical_instances_have_an_interval_without_width_near_one():
    found = bootstrap_consistency(np.tile(rdms(1), (3, 1)), "instances", interval="jackknife")
    np.testing.assert_allclose([found.low, found.high], 1, atol=1e-6)
    nothing = jackknife_interval(np.zeros(2), np.array([[0.0, 0, 0], [1.0, 1, 1]]))
    assert nothing.p.tolist() == [1, 1]


def of_rdms(n: int, over: str) -> object:
    return bootstrap_consistency(rdms(n), over, interval="jackknife")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: of_rdms(2, "instances"), "rdms.*3.*got 2"),
        (lambda: of_rdms(4, "pairs"), "over.*got 'pairs'"),
        (lambda: of_rdms(4, "stimuli"), "over.*got 'stimuli'"),
        (lambda: of_rdms(2, "both"), "rdms.*3.*got 2"),
        (lambda: jackknife_pairs(np.array([0.1])), "values: expected 3 .*got 2"),
        (lambda: jackknife_pairs(-np.ones(3), scale="shared_variance"), "scale.*got -1"),
        # the mean is 2/15, without the third instance it is −0.4
        (lambda: jackknife_pairs(np.array([-0.4, 0.3, 0.5]), scale="shared_variance"), "got -0.4"),
        (lambda: jackknife_pairs(np.ones(3), scale="logit"), "scale.*logit.*shared_variance"),
        (lambda: jackknife_statistic(np.mean, 2), "n_instances.*got 2"),
    ],
)  # fmt: skip
def test_what_has_no_jackknife_is_refused(call, message):
    with pytest.raises(InputError, match=re.compile(message)):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10])
def test_it_covers_the_mean_consistency_of_many_networks(n):
    """Networks with unequal noise; the percentile bootstrap covers 49, 77 and 87 % here."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=120)
    draw = lambda *shape: (
        shared + 0.6 * np.exp(0.5 * rng.normal(size=(*shape, 1))) * rng.normal(size=(*shape, 120))
    )
    truth = float(np.mean(consistency(draw(800))))
    found = jackknife_pairs(np.asarray(consistency(draw(1000, n))), scale="shared_variance")
    covered = float(((found.low <= truth) & (truth <= found.high)).mean())
    assert 0.92 <= covered <= 0.975

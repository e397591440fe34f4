from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from ensemble_rsa.analysis.groups import compare_groups
from ensemble_rsa.errors import InputError

CONTRASTS = ("within_minus_between", "between_over_within", "a_minus_b")


def rdms_of(similarity, n_a):
    """Two groups of RDMs whose cosines are these similarities."""
    rows = np.linalg.cholesky(similarity)
    n = len(rows)
    padded = np.pad(rows, ((0, 0), (0, n * (n - 1) // 2 - n)))
    return padded[:n_a], padded[n_a:]


def two_groups(rng, n_a=5, n_b=5, leading=(), n_pairs=45, difference=0.0, noise_b=1.0):
    """Instances around a geometry that their group shares with the other but for `difference`."""
    shared = rng.normal(size=(*leading, 1, n_pairs))
    own = difference * rng.normal(size=(2, *leading, 1, n_pairs))
    a, b = ((x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True) for x in shared + own)
    # Instances of a group differ in how far they are from it.
    distance = np.exp(0.3 * rng.normal(size=(2, *leading, max(n_a, n_b), 1)))
    a = a + distance[0, ..., :n_a, :] * rng.normal(size=(*leading, n_a, n_pairs))
    b = b + noise_b * distance[1, ..., :n_b, :] * rng.normal(size=(*leading, n_b, n_pairs))
    return a, b


def check_same(ours, theirs, parts, position=()):
    """These parts of all contrasts, and the effect size, are those of another comparison."""
    one, other = ours.standardised_difference[position], theirs.standardised_difference
    assert one == pytest.approx(float(other), abs=1e-5)
    for name in CONTRASTS:
        for part in parts:
            one, other = getattr(getattr(ours, name), part), getattr(getattr(theirs, name), part)
            assert one[position] == pytest.approx(float(other), abs=1e-5)


def test_three_and_three_by_hand():
    similarity = np.full((6, 6), 0.2)  # between
    similarity[:3, :3] = [[1, 0.7, 0.8], [0.7, 1, 0.9], [0.8, 0.9, 1]]
    similarity[3:, 3:] = 0.5
    np.fill_diagonal(similarity, 1)
    result = compare_groups(*rdms_of(similarity, 3), comparison="cosine")
    assert result.within_a == pytest.approx(0.8)
    assert result.within_b == pytest.approx(0.5)
    assert result.between == pytest.approx(0.2)
    assert result.within_minus_between.value == pytest.approx(0.45)
    assert result.a_minus_b.value == pytest.approx(0.3)
    # Of 20 permutations only the groups themselves, and the groups swapped, are as extreme.
    assert (result.exact, result.n_permutations, result.least_p) == (True, 20, 0.1)
    assert result.within_minus_between.p == pytest.approx(2 / 20)
    assert result.within_minus_between.low == 0  # the value itself is the largest of all
    # Two of 15 pairs are 0.1 from the mean of their kind, and there are three kinds.
    assert result.standardised_difference == pytest.approx(0.45 / np.sqrt(0.02 / 12))


def by_brute_force(similarity, n_a, paired):
    """p, z and lower bound of the separation from loops over permutations, as the text says."""
    n = len(similarity)
    instances = set(range(n))
    seed = lambda i: i % n_a if paired else i
    mean = lambda pairs: np.mean([similarity[i, j] for i, j in pairs])

    def separation(a):
        b = instances - set(a)
        within = [mean(combinations(sorted(group), 2)) for group in (a, b)]
        return np.mean(within) - mean((i, j) for i, j in product(a, b) if seed(i) != seed(j))

    if paired:
        ways = list(product(*((i, n_a + i) for i in range(n_a))))
    else:
        ways = list(combinations(range(n), n_a))
    null, value = np.array([separation(a) for a in ways]), separation(range(n_a))
    # The smallest shift after which more than 5 % of the null are as large as the value.
    low = min(x for x in value - null if np.mean(null + x >= value - 1e-12) > 0.05)
    return [np.mean(null >= value - 1e-12), (value - null.mean()) / null.std(), low]


@pytest.mark.parametrize(("n_b", "paired"), [(3, False), (5, False), (4, True)])
def test_all_permutations_are_those_of_brute_force(rng, n_b, paired):
    rows = rng.normal(size=(4 + n_b, 12)) + 0.7 * rng.normal(size=12)
    n_a = 4
    rows[:n_a] += 0.5 * rng.normal(size=12)
    similarity = np.corrcoef(rows)
    groups = rdms_of(similarity, n_a)
    result = compare_groups(*groups, paired=paired, comparison="cosine", n_permutations=200)
    assert result.exact
    found = result.within_minus_between
    expected = by_brute_force(similarity, n_a, paired)
    np.testing.assert_allclose([found.p, found.z, found.low], expected, atol=1e-6)
    assert result.least_p == pytest.approx((2 if n_b == n_a else 1) / result.n_permutations)


def mean_of(similarity, chosen):
    return np.mean([similarity[i, j] for i, j in combinations(chosen, 2)])


def pseudo_values_of(similarity, scale):
    """n z(u) − (n − 1) z(u₋ᵢ) of the mean similarity of a group, by a loop over its instances."""
    n = len(similarity)
    everyone = set(range(n))
    whole = scale(mean_of(similarity, everyone))
    return np.array(
        [n * whole - (n - 1) * scale(mean_of(similarity, everyone - {i})) for i in everyone]
    )


def halfway(variances, sizes):
    """Degrees of freedom between Welch's and those of the smallest group."""
    below = sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    return (sum(variances) ** 2 / below + min(sizes) - 1) / 2


def welch_of(groups, dof):
    """t and p of the mean of two samples, or of one of differences, with variances HC3."""
    squares = [np.sum((x - x.mean()) ** 2) / (len(x) - 1) ** 2 for x in groups]
    difference = groups[0].mean() - (groups[1].mean() if len(groups) > 1 else 0)
    dof = dof or halfway(squares, [len(x) for x in groups])
    t = difference / np.sqrt(sum(squares))
    return t, 2 * stats.t.sf(abs(t), dof), dof


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("comparison", ["pearson_squared", "pearson"])
def test_the_difference_of_groups_is_welch_on_pseudo_values(rng, paired, comparison):
    a, b = two_groups(rng, 5, 5 if paired else 3, noise_b=1.6)
    square = 2 if comparison == "pearson_squared" else 1
    scale = {2: lambda u: np.arctanh(np.sqrt(u)), 1: np.arctanh}[square]
    own = [np.corrcoef(group) ** square for group in (a, b)]
    pseudo = [pseudo_values_of(each, scale) for each in own]
    samples = [pseudo[0] - pseudo[1]] if paired else pseudo
    t, p, dof = welch_of(samples, 4 if paired else None)
    found = compare_groups(a, b, paired, comparison, n_permutations=10, confidence=0.9).a_minus_b
    np.testing.assert_allclose([found.t, found.p, found.degrees_of_freedom], [t, p, dof], rtol=1e-5)
    means = [mean_of(each, range(len(each))) for each in own]
    assert found.value == pytest.approx(means[0] - means[1], rel=1e-5)
    difference = samples[0].mean() - (0 if paired else samples[1].mean())
    middle, reach = np.mean([scale(u) for u in means]), stats.t.ppf(0.95, dof) * abs(difference / t)
    for end, sign in ((found.low, -1), (found.high, 1)):
        apart = difference + sign * reach
        up, down = np.tanh(middle + apart / 2) ** square, np.tanh(middle - apart / 2) ** square
        assert end == pytest.approx(up - down, rel=1e-5)


@pytest.mark.parametrize("paired", [False, True])
def test_the_ratio_is_a_jackknife_of_its_logarithm(rng, paired):
    a, b = two_groups(rng, 4, 4 if paired else 6, difference=0.4)
    shared = np.corrcoef(np.concatenate([a, b])) ** 2
    seed = lambda i: i % 4 if paired else i

    def log_ratio(of_a, of_b):
        between = [shared[i, j] for i, j in product(of_a, of_b) if seed(i) != seed(j)]
        within = mean_of(shared, of_a) * mean_of(shared, of_b)
        return np.log(np.mean(between) / np.sqrt(within))

    of_a, of_b = set(range(4)), set(range(4, len(shared)))
    whole = log_ratio(of_a, of_b)
    if paired:
        deletions = [[log_ratio(of_a - {i}, of_b - {i + 4}) for i in range(4)]]
    else:
        deletions = [[log_ratio(of_a - {i}, of_b) for i in of_a],
                     [log_ratio(of_a, of_b - {i}) for i in of_b]]  # fmt: skip
    variances = [(len(x) - 1) * np.var(x) for x in deletions]
    dof = halfway(variances, [len(x) for x in deletions])
    corrected = whole + sum((len(x) - 1) * (whole - np.mean(x)) for x in deletions)
    t = corrected / np.sqrt(sum(variances))
    reach = stats.t.ppf(0.975, dof) * np.sqrt(sum(variances))
    found = compare_groups(a, b, paired, n_permutations=10).between_over_within
    expected = [corrected, corrected - reach, corrected + reach]
    np.testing.assert_allclose([found.value, found.low, found.high], np.exp(expected), rtol=1e-5)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), dof), rel=1e-4)


def test_a_ratio_of_similarities_that_are_not_positive_is_undefined():
    rows = np.eye(6)
    result = compare_groups(rows[:3], -rows[3:], comparison="pearson")  # r of −0.2 within groups
    ratio = result.between_over_within
    assert np.isnan([ratio.value, ratio.low, ratio.high, ratio.p, ratio.p_adjusted]).all()


def test_the_default_similarity_is_the_squared_correlation(rng):
    a, b = two_groups(rng, 3, 4)
    result = compare_groups(a, b, n_permutations=10)
    shared = np.corrcoef(np.concatenate([a, b])) ** 2
    by_cosine = compare_groups(*rdms_of(shared, 3), comparison="cosine", n_permutations=10)
    for mean in ("within_a", "within_b", "between"):
        assert getattr(result, mean) == pytest.approx(float(getattr(by_cosine, mean)), abs=1e-6)


@pytest.mark.parametrize("paired", [False, True])
def test_without_a_difference_p_is_uniform(rng, paired):
    n_sets = 300
    result = compare_groups(*two_groups(rng, leading=(n_sets,)), paired, n_permutations=252)
    assert result.exact
    for level in (0.125, 0.5):
        allowed = 4 * np.sqrt(level * (1 - level) / n_sets)
        share = np.mean(result.within_minus_between.p <= level)
        assert share == pytest.approx(level, abs=allowed)
        for conservative in (result.a_minus_b, result.between_over_within):
            assert np.mean(conservative.p <= level) < level + allowed
    # With the false discovery rate held at 0.05, a finding among 300 true nulls is a rare event.
    assert (result.within_minus_between.p_adjusted > 0.05).all()


@pytest.mark.parametrize("paired", [False, True])
def test_intervals_agree_with_their_p(rng, paired):
    groups = two_groups(rng, leading=(200,), difference=0.15, noise_b=1.3)
    for n_permutations in (252, 60):
        result = compare_groups(*groups, paired, n_permutations=n_permutations, confidence=0.9)
        for name, none in zip(CONTRASTS, (0, 1, 0), strict=True):
            contrast = getattr(result, name)
            high = getattr(contrast, "high", np.full(200, np.inf))
            excluded = (contrast.low > none) | (high < none)
            assert 0 < excluded.sum() < 200
            np.testing.assert_array_equal(excluded, contrast.p <= 0.1)


def test_too_few_random_permutations_have_no_bound(rng):
    result = compare_groups(*two_groups(rng, difference=2.0), n_permutations=18)
    assert result.least_p == result.within_minus_between.p == pytest.approx(1 / 19)
    assert result.within_minus_between.low == -np.inf


def test_groups_apart_in_geometry_are_found_and_not_taken_for_unequal_in_consistency(rng):
    groups = two_groups(rng, leading=(100,), difference=1.0, n_pairs=105)
    result = compare_groups(*groups, n_permutations=252)
    assert (result.within_minus_between.value > 0).all()
    assert (result.within_minus_between.low > 0).mean() > 0.95
    np.testing.assert_allclose(result.within_minus_between.p, 2 / 252)
    assert (result.between_over_within.high < 1).mean() > 0.95
    assert np.mean(result.a_minus_b.p <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 100)


def test_noise_alone_separates_groups_but_is_not_taken_for_another_geometry(rng):
    result = compare_groups(*two_groups(rng, 10, 10, (60,), 1225, noise_b=2.0), n_permutations=99)
    assert (result.within_minus_between.p <= 0.05).mean() > 0.8
    assert np.mean(result.between_over_within.p <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)
    assert np.median(result.between_over_within.value) == pytest.approx(1, abs=0.02)


def test_the_less_consistent_group_is_found_and_the_sign_says_which(rng):
    a, b = two_groups(rng, 6, 6, leading=(20,), noise_b=3.0)
    first, second = (compare_groups(*groups, n_permutations=924) for groups in ((a, b), (b, a)))
    assert (np.minimum(first.a_minus_b.value, first.a_minus_b.t) > 0).all()
    assert (first.a_minus_b.p < 0.05).mean() > 0.8
    np.testing.assert_allclose(second.a_minus_b.value, -first.a_minus_b.value)
    np.testing.assert_allclose(second.a_minus_b.p, first.a_minus_b.p)
    np.testing.assert_allclose(second.within_minus_between.p, first.within_minus_between.p)
    one, other = first.between_over_within, second.between_over_within
    np.testing.assert_allclose([one.value, one.p], [other.value, other.p])


def test_random_permutations_come_close_to_all(rng):
    a, b = two_groups(rng, 7, 7, difference=0.12)
    every, some = (compare_groups(a, b, n_permutations=n) for n in (3432, 3000))
    assert (every.exact, some.exact, some.n_permutations) == (True, False, 3000)
    ours, exact = some.within_minus_between, every.within_minus_between
    assert 0.005 < exact.p < 0.995
    assert ours.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p * (1 - exact.p) / 3000))
    assert ours.p * 3001 == pytest.approx(round(float(ours.p) * 3001))
    assert ours.z == pytest.approx(exact.z, abs=0.2)
    assert ours.low == pytest.approx(exact.low, abs=0.003)
    far = two_groups(rng, 7, 7, difference=2.0)
    assert compare_groups(*far, n_permutations=99).within_minus_between.p == pytest.approx(0.01)
    paired = compare_groups(*far, paired=True, n_permutations=99)
    assert not paired.exact
    assert paired.within_minus_between.p <= 0.03


def test_what_instances_of_one_seed_share_does_not_count_when_paired(rng):
    rows = rng.normal(size=(10, 20)) + rng.normal(size=20)
    similarity = np.corrcoef(rows)
    one_seed = np.eye(10, k=5) + np.eye(10, k=-5)
    closer = similarity + 0.05 * one_seed
    plain, shared = (
        compare_groups(*rdms_of(each, 5), paired=True, comparison="cosine", n_permutations=100)
        for each in (similarity, closer)
    )
    assert shared.between == pytest.approx(float(plain.between), abs=1e-6)
    check_same(shared, plain, ("value", "low", "p"))


def test_leading_axes_share_permutations_and_p_is_adjusted_over_all(rng):
    a, b = two_groups(rng, 4, 5, leading=(2, 3), difference=0.3)
    before = a.copy()
    result = compare_groups(a, b, n_permutations=100)
    np.testing.assert_array_equal(a, before)
    assert result.standardised_difference.shape == result.between.shape == (2, 3)
    alone = compare_groups(a[1, 2], b[1, 2], n_permutations=100)
    check_same(result, alone, ("value", "low", "p"), position=(1, 2))
    for difference in (getattr(result, name) for name in CONTRASTS):
        ordered = np.sort(difference.p.ravel())
        adjusted = [min(ordered[k:] * 6 / np.arange(k + 1, 7)) for k in range(6)]
        np.testing.assert_allclose(np.sort(difference.p_adjusted.ravel()), adjusted)
    assert alone.a_minus_b.p_adjusted == alone.a_minus_b.p


def test_similarities_all_alike_have_no_effect_size():
    rdms = np.eye(6) * 0.7  # every two of them correlate by −0.2
    result = compare_groups(rdms[:3], rdms[3:])
    for name, none in zip(CONTRASTS, (0, 1, 0), strict=True):
        contrast = getattr(result, name)
        assert contrast.value == pytest.approx(none, abs=1e-12)
        assert contrast.p == 1
    assert np.isnan([result.within_minus_between.z, result.standardised_difference]).all()


@pytest.mark.parametrize("n_pairs", [45, 57_630])
def test_a_group_does_not_differ_from_its_copy_in_other_rounding(rng, n_pairs):
    a, _ = two_groups(rng, n_a=5, leading=(4,), n_pairs=n_pairs, noise_b=1.5)
    copy = a * (1 + 1e-7 * rng.normal(size=a.shape))
    result = compare_groups(a.astype(np.float32), copy.astype(np.float32), paired=True)
    for name, none in zip(CONTRASTS, (0, 1, 0), strict=True):
        contrast = getattr(result, name)
        np.testing.assert_allclose(contrast.value, none, atol=1e-6)
        np.testing.assert_array_equal(contrast.p, 1)
    assert np.isnan(result.within_minus_between.z).all()


A = np.arange(18.0).reshape(3, 6) ** 2 % 7


@pytest.mark.parametrize(
    ("rdms", "others", "arguments", "message"),
    [
        (A[:2], A, {}, r"rdms: expected shape .*at least three instances, got \(2, 6\)"),
        (A, A[:2], {}, r"others: expected shape .*at least three instances, got \(2, 6\)"),
        (A, A[0], {}, r"others: expected shape"),
        (A, A[:, 1:4], {}, r"others: expected the leading axes .*\(3, 6\), got \(3, 3\)"),
        (A[None], A, {}, r"others: expected the leading axes .*\(1, 3, 6\), got \(3, 6\)"),
        (np.where(A == 4, np.nan, A), A, {}, r"rdms: .*NaN"),
        (A, np.array([A[0], A[1], A[0] * 0]), {}, r"others: .*1 constant RDM.*\[2\]"),
        (A, A[[0, 1, 2, 0]], {"paired": True}, r"paired: .*got 3 and 4 instances"),
        (A, A, {"comparison": "kendall"}, r"comparison: unknown 'kendall'"),
        (A, A, {"n_permutations": 0}, r"n_permutations: "),
        (A, A, {"confidence": 95.0}, r"confidence: "),
    ],
)
def test_wrong_input_is_named(rdms, others, arguments, message):
    with pytest.raises(InputError, match=message):
        compare_groups(rdms, others, **arguments)


def test_a_ratio_is_undefined_where_similarity_is_zero_without_an_instance():
    # r² is exactly 1 for the first and the third, and 0 for all others
    first, second = np.array([1.0, 1, -1, -1, 0, 0]), np.array([1.0, -1, 1, -1, 0, 0])
    a = np.stack([first, second, 2 * first])
    b = np.random.default_rng(3).random((4, 6))
    found = compare_groups(a, b, n_permutations=10).between_over_within
    assert np.isnan(found.value).all()
    assert np.isnan(found.p).all()

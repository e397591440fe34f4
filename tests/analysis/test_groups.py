from itertools import combinations, product

import numpy as np
import pytest

from ensemble_rsa.analysis.bootstrap.draws import draw_counts, pseudo_values
from ensemble_rsa.analysis.groups import compare_groups
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import host_stream
from tests.analysis.reference import weighted_mean


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
    """The parts of both differences, and the effect size, are those of another comparison."""
    assert ours.cohens_d[position] == pytest.approx(float(theirs.cohens_d), abs=1e-5)
    for name in ("within_minus_between", "a_minus_b"):
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
    assert (result.exact, result.n_permutations) == (True, 20)
    assert result.within_minus_between.p == result.a_minus_b.p == pytest.approx(2 / 20)
    # Two of 15 pairs are 0.1 from the mean of their kind, and there are three kinds.
    assert result.cohens_d == pytest.approx(0.45 / np.sqrt(0.02 / 12))


def by_brute_force(similarity, n_a, paired):
    """p and z of both differences from loops over permutations, as the text defines them."""
    n = len(similarity)
    instances = set(range(n))
    seed = lambda i: i % n_a if paired else i
    mean = lambda pairs: np.mean([similarity[i, j] for i, j in pairs])

    def separation(a):
        b = instances - set(a)
        within = [mean(combinations(sorted(group), 2)) for group in (a, b)]
        return np.mean(within) - mean((i, j) for i, j in product(a, b) if seed(i) != seed(j))

    groups = similarity[:n_a, :n_a], similarity[n_a:, n_a:]
    parts = np.concatenate([pseudo_values(group[None])[0] for group in groups])

    def imbalance(a):
        return parts[list(a)].mean() - parts[list(instances - set(a))].mean()

    if paired:
        ways = list(product(*((i, n_a + i) for i in range(n_a))))
    else:
        ways = list(combinations(range(n), n_a))
    result = []
    for difference, size in ((separation, lambda x: x), (imbalance, np.abs)):
        null, value = np.array([difference(a) for a in ways]), difference(range(n_a))
        result += [np.mean(size(null) >= size(value) - 1e-12), (value - null.mean()) / null.std()]
    return result


@pytest.mark.parametrize(("n_b", "paired"), [(3, False), (5, False), (4, True)])
def test_all_permutations_are_those_of_brute_force(rng, n_b, paired):
    rows = rng.normal(size=(4 + n_b, 12)) + 0.7 * rng.normal(size=12)
    n_a = 4
    rows[:n_a] += 0.5 * rng.normal(size=12)
    similarity = np.corrcoef(rows)
    groups = rdms_of(similarity, n_a)
    result = compare_groups(*groups, paired=paired, comparison="cosine", n_permutations=200)
    assert result.exact
    separation, imbalance = result.within_minus_between, result.a_minus_b
    ours = [separation.p, separation.z, imbalance.p, imbalance.z]
    np.testing.assert_allclose(ours, by_brute_force(similarity, n_a, paired), atol=1e-6)


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
        assert np.mean(result.a_minus_b.p <= level) < level + allowed
    # With the false discovery rate held at 0.05, a finding among 300 true nulls is a rare event.
    assert (result.within_minus_between.p_adjusted > 0.05).all()


def test_groups_apart_in_geometry_are_found_and_not_taken_for_unequal_in_consistency(rng):
    groups = two_groups(rng, leading=(100,), difference=1.0, n_pairs=105)
    result = compare_groups(*groups, n_permutations=252)
    assert (result.within_minus_between.value > 0).all()
    assert (result.within_minus_between.low > 0).mean() > 0.95
    np.testing.assert_allclose(result.within_minus_between.p, 2 / 252)
    assert np.mean(result.a_minus_b.p <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 100)


def test_the_less_consistent_group_is_found_and_the_sign_says_which(rng):
    a, b = two_groups(rng, leading=(20,), noise_b=3.0)
    first, second = (compare_groups(*groups, n_permutations=252) for groups in ((a, b), (b, a)))
    assert (np.minimum(first.a_minus_b.value, first.a_minus_b.z) > 0).all()
    assert (first.a_minus_b.p < 0.05).mean() > 0.8
    np.testing.assert_allclose(second.a_minus_b.value, -first.a_minus_b.value)
    np.testing.assert_allclose(second.a_minus_b.p, first.a_minus_b.p)
    np.testing.assert_allclose(second.within_minus_between.p, first.within_minus_between.p)


def test_random_permutations_come_close_to_all(rng):
    a, b = two_groups(rng, 7, 7, difference=0.12)
    every, some = (compare_groups(a, b, n_permutations=n) for n in (3432, 3000))
    assert (every.exact, some.exact, some.n_permutations) == (True, False, 3000)
    for name in ("within_minus_between", "a_minus_b"):
        ours, exact = getattr(some, name), getattr(every, name)
        assert 0.005 < exact.p < 0.995
        assert ours.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p * (1 - exact.p) / 3000))
        assert ours.p * 3001 == pytest.approx(round(float(ours.p) * 3001))
        assert ours.z == pytest.approx(exact.z, abs=0.2)
    far = two_groups(rng, 7, 7, difference=2.0)
    assert compare_groups(*far, n_permutations=99).within_minus_between.p == pytest.approx(0.01)
    paired = compare_groups(*far, paired=True, n_permutations=99)
    assert not paired.exact
    assert paired.within_minus_between.p <= 0.03


def test_intervals_are_those_of_a_plain_bootstrap(rng):
    a, b = two_groups(rng, 6, 3, difference=0.5)
    shared = np.corrcoef(np.concatenate([a, b])) ** 2
    differences, generator = [], host_stream(3, "bootstrap instance")
    counts = [draw_counts(generator, slice(0, 200), n) for n in (6, 3)]
    for of_a, of_b in zip(*counts, strict=True):
        within_a = weighted_mean(shared[:6, :6], of_a)
        within_b = weighted_mean(shared[6:, 6:], of_b)
        between = np.average(shared[:6, 6:], weights=np.outer(of_a, of_b))
        differences.append([(within_a + within_b) / 2 - between, within_a - within_b])
    expected = np.nanquantile(differences, [0.05, 0.95], axis=0)
    result = compare_groups(a, b, n_permutations=200, confidence=0.9, seed=3)
    for k, ours in enumerate((result.within_minus_between, result.a_minus_b)):
        np.testing.assert_allclose([ours.low, ours.high], expected[:, k], atol=1e-6)
    assert result.dropped == np.isnan(differences).any(-1).sum() > 0


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
    check_same(shared, plain, ("value", "low", "high", "p", "z"))


def test_leading_axes_share_permutations_and_p_is_adjusted_over_all(rng):
    a, b = two_groups(rng, 4, 5, leading=(2, 3), difference=0.3)
    before = a.copy()
    result = compare_groups(a, b, n_permutations=100)
    np.testing.assert_array_equal(a, before)
    assert result.cohens_d.shape == result.between.shape == (2, 3)
    alone = compare_groups(a[1, 2], b[1, 2], n_permutations=100)
    check_same(result, alone, ("value", "low", "high", "p", "z"), position=(1, 2))
    for difference in (result.within_minus_between, result.a_minus_b):
        ordered = np.sort(difference.p.ravel())
        adjusted = [min(ordered[k:] * 6 / np.arange(k + 1, 7)) for k in range(6)]
        np.testing.assert_allclose(np.sort(difference.p_adjusted.ravel()), adjusted)
    assert alone.a_minus_b.p_adjusted == alone.a_minus_b.p


def test_similarities_all_alike_have_no_effect_size():
    rdms = np.eye(6) * 0.7  # every two of them correlate by −0.2
    result = compare_groups(rdms[:3], rdms[3:])
    for difference in (result.within_minus_between, result.a_minus_b):
        assert difference.value == pytest.approx(0, abs=1e-12)
        assert difference.p == 1
        assert np.isnan([difference.z, result.cohens_d]).all()


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

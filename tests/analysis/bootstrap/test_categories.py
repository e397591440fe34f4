import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import squareform

from ensemble_rsa import numerics
from ensemble_rsa.analysis.bootstrap.consistency import (
    bootstrap_category_clustering_index,
    bootstrap_mean,
    bootstrap_pairs,
    bootstrap_within_category_consistency,
)
from ensemble_rsa.analysis.bootstrap.draws import draw_counts
from ensemble_rsa.analysis.bootstrap.intervals import bca_levels
from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import within_category_consistency
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import host_stream

LABELS = list("bacabbabacbcab")  # 5, 6 and 3 members, not in order
N_STIMULI = len(LABELS)
N_INSTANCES = 4
AGGREGATES = ("pooled", "per_category")


def related_rdms(rng, *leading):
    n_pairs = N_STIMULI * (N_STIMULI - 1) // 2
    own = rng.random((*leading, N_INSTANCES, n_pairs))
    return (1 + rng.random(n_pairs) + own).astype(np.float32)


def counts_drawn(factor, n_resamples, n, seed=0):
    return draw_counts(host_stream(seed, f"bootstrap {factor}"), slice(0, n_resamples), n)


def rebuilt(rdms, counts):
    """The RDMs of the drawn stimuli, without pairs of a stimulus with itself, and categories."""
    drawn = np.repeat(np.arange(N_STIMULI), counts.astype(int))
    a, b = np.triu_indices(len(drawn), 1)
    distinct = drawn[a] != drawn[b]
    a, b = drawn[a[distinct]], drawn[b[distinct]]
    categories = np.array(LABELS)
    rows = np.array([squareform(rdm)[a, b] for rdm in rdms.astype(np.float64)])
    return rows, categories[a], categories[b]


def squared_correlations(rows):
    if rows.shape[-1] < 1 or (np.ptp(rows, axis=-1) == 0).any():
        return np.full((len(rows), len(rows)), np.nan)
    return np.corrcoef(rows) ** 2


def within_by_hand(rdms, counts, aggregate):
    rows, one, other = rebuilt(rdms, counts)
    if aggregate == "pooled":
        return squared_correlations(rows[:, one == other])
    each = [squared_correlations(rows[:, (one == c) & (other == c)]) for c in "abc"]
    return np.mean(each, axis=0)


def clustering_by_hand(rdms, counts):
    rows, one, other = rebuilt(rdms, counts)
    if (one == other).all() or (one != other).all():
        return np.full(len(rows), np.nan)
    within, across = rows[:, one == other].mean(-1), rows[:, one != other].mean(-1)
    return (across - within) / (across + within)


def mean_over_pairs(shared, instances):
    weights = np.triu(np.outer(instances, instances), 1)
    return (shared * weights).sum() / weights.sum() if weights.any() else np.nan


def drawn(over, n_resamples):
    stimuli = counts_drawn("stimulus", n_resamples, N_STIMULI)
    instances = counts_drawn("instance", n_resamples, N_INSTANCES)
    if over == "stimuli":
        instances = np.ones_like(instances)
    return zip(stimuli, instances, strict=True)


def check_samples(result, expected):
    kept = np.isfinite(expected)
    np.testing.assert_allclose(result.samples, np.array(expected)[kept], rtol=0, atol=2e-5)
    assert result.dropped == (~kept).sum()


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("over", ["stimuli", "both"])
def test_within_category_is_that_of_the_rebuilt_rdms(rng, aggregate, over):
    rdms = related_rdms(rng)
    result = bootstrap_within_category_consistency(rdms, LABELS, aggregate, over, 80)
    expected = [
        mean_over_pairs(within_by_hand(rdms, stimuli, aggregate), instances)
        for stimuli, instances in drawn(over, 80)
    ]
    check_samples(result, expected)
    # A category of three often loses one, and then has no distances that differ.
    assert (result.dropped > 0) == (aggregate == "per_category" or over == "both")
    of_data = within_category_consistency(rdms, LABELS, aggregate).mean()
    assert result.mean == pytest.approx(of_data, rel=1e-12)


@pytest.mark.parametrize("over", ["pairs", "instances"])
def test_within_category_over_instances_needs_their_values_alone(rng, over):
    rdms = related_rdms(rng, 2)
    result = bootstrap_within_category_consistency(rdms, LABELS, over=over, n_resamples=50, seed=3)
    values = within_category_consistency(rdms, LABELS)
    expected = bootstrap_pairs(values, over, 50, seed=3)
    np.testing.assert_allclose(result.samples, expected.samples, rtol=1e-12)


@pytest.mark.parametrize("over", ["stimuli", "both"])
def test_clustering_is_that_of_the_rebuilt_rdms(rng, over):
    rdms = related_rdms(rng)
    result = bootstrap_category_clustering_index(rdms, LABELS, over, 80)
    expected = [
        np.average(clustering_by_hand(rdms, stimuli), weights=instances)
        for stimuli, instances in drawn(over, 80)
    ]
    check_samples(result, expected)
    assert result.mean == pytest.approx(category_clustering_index(rdms, LABELS).mean(), rel=1e-9)


def test_clustering_over_instances_is_a_mean_over_drawn_instances(rng):
    rdms = related_rdms(rng)
    result = bootstrap_category_clustering_index(rdms, LABELS, n_resamples=60)
    indices = category_clustering_index(rdms, LABELS)
    expected = counts_drawn("instance", 60, N_INSTANCES) @ indices / N_INSTANCES
    np.testing.assert_allclose(result.samples, expected, rtol=1e-9)
    ends = bootstrap_mean(indices, 20_000)
    many = bootstrap_category_clustering_index(rdms, LABELS, n_resamples=20_000)
    atol = 0.1 * ends.samples.std()  # five standard errors of a 2.5 % quantile of 20,000
    np.testing.assert_allclose([many.low, many.high], [ends.low, ends.high], rtol=0, atol=atol)


def test_bca_leaves_out_stimuli_and_instances(rng):
    rdms = related_rdms(rng)
    options = {"over": "both", "n_resamples": 200}
    everyone, everything = np.ones(N_INSTANCES), np.ones(N_STIMULI)
    for run, by_hand in (
        (
            lambda **more: bootstrap_within_category_consistency(rdms, LABELS, **options, **more),
            lambda s, i: mean_over_pairs(within_by_hand(rdms, s, "pooled"), i),
        ),
        (
            lambda **more: bootstrap_category_clustering_index(rdms, LABELS, **options, **more),
            lambda s, i: np.average(clustering_by_hand(rdms, s), weights=i),
        ),
    ):
        plain, result = run(), run(interval="bca")
        jackknives = [
            np.array([by_hand(everything - e, everyone) for e in np.eye(N_STIMULI)]),
            np.array([by_hand(everything, everyone - e) for e in np.eye(N_INSTANCES)]),
        ]
        centre = by_hand(everything, everyone)
        moved = bca_levels(plain.samples, centre, jackknives, np.array([0.025, 0.975]))
        expected = np.quantile(plain.samples, moved)
        np.testing.assert_allclose([result.low, result.high], expected, rtol=0, atol=2e-5)


def test_leading_axes_share_resamples_whatever_the_block(rng, monkeypatch):
    rdms = related_rdms(rng, 2)
    runs = (
        lambda r: bootstrap_within_category_consistency(r, LABELS, over="both", n_resamples=30),
        lambda r: bootstrap_category_clustering_index(r, LABELS, "both", n_resamples=30),
    )
    whole = [run(rdms).samples for run in runs]
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", 7 * N_STIMULI)
    for run, samples in zip(runs, whole, strict=True):
        np.testing.assert_allclose(run(jnp.asarray(rdms[1])).samples, samples[1], atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_clustering_says_nothing_of_scale(rng, scale):
    rdms = related_rdms(rng).astype(np.float64)
    samples, scaled = (
        bootstrap_category_clustering_index(r, LABELS, "stimuli", 80).samples
        for r in (rdms, scale * rdms)
    )
    np.testing.assert_allclose(scaled, samples, rtol=0, atol=1e-6)


def test_clustering_without_pairs_within_categories_is_dropped():
    rdms = np.array([[1.0, 2.0, 3.0]])
    result = bootstrap_category_clustering_index(rdms, list("aab"), "stimuli", 60)
    complete = (counts_drawn("stimulus", 60, 3) > 0).all(-1)
    assert result.dropped == 60 - complete.sum() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": list("abcdef")}, r"labels: .*all different labels"),
        ({"labels": list("ab")}, r"labels: expected one label for each of 6"),
        ({"aggregate": "mean"}, r"aggregate: unknown 'mean'; choose from pooled, per_category"),
        ({"aggregate": "per_category"}, r"labels: .*three stimuli or more in each.*'b' has fewer"),
        ({"over": "units"}, r"over: unknown 'units'; choose from pairs"),
        ({"rdms": np.ones((1, 15))}, r"rdms: expected shape .*two instances"),
        ({"rdms": np.ones((2, 15))}, r"rdms \(same-category pairs\): .*constant"),
    ],
)
def test_wrong_input_of_within_category_is_named(rng, changes, message):
    arguments = {"rdms": rng.random((2, 15)), "labels": list("aaaabb")} | changes
    with pytest.raises(InputError, match=message):
        bootstrap_within_category_consistency(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": list("aaa")}, r"labels: expected two categories or more, got only 'a'"),
        ({"labels": list("abc")}, r"labels: .*all different labels"),
        ({"over": "pairs"}, r"over: unknown 'pairs'; choose from instances, stimuli, both"),
        ({"rdms": np.zeros((2, 3))}, r"rdms: expected mean distances above 0"),
        ({"rdms": np.ones(3)}, r"rdms: expected shape \(\.\.\., instance, stimulus_pair\)"),
    ],
)
def test_wrong_input_of_clustering_is_named(rng, changes, message):
    arguments = {"rdms": rng.random((2, 3)), "labels": list("aab")} | changes
    with pytest.raises(InputError, match=message):
        bootstrap_category_clustering_index(**arguments)

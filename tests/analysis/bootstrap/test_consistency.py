from functools import partial
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import squareform

from ensemble_rsa import numerics
from ensemble_rsa.analysis.bootstrap.consistency import (
    bootstrap_category_clustering_index,
    bootstrap_consistency,
    bootstrap_mean,
    bootstrap_pairs,
    bootstrap_within_category_consistency,
)
from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import consistency, within_category_consistency
from ensemble_rsa.errors import InputError
from tests.analysis.reference import (
    check_bca,
    check_samples,
    counts_drawn,
    resamples,
    weighted_mean,
)

pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")
LABELS = list("bacabbabacbcab")  # 5, 6 and 3 members, not in order
N_STIMULI, N_INSTANCES = len(LABELS), 4
STIMULUS_PAIRS = N_STIMULI * (N_STIMULI - 1) // 2
EVERYTHING, EVERYONE = np.ones(N_STIMULI), np.ones(N_INSTANCES)


def related_rdms(rng, *leading):
    own = rng.random((*leading, N_INSTANCES, STIMULUS_PAIRS))
    return (1 + rng.random(STIMULUS_PAIRS) + own).astype(np.float32)


def by_rsatoolbox(rdms, counts):
    """r² after rsatoolbox has drawn the stimuli and dropped pairs of a stimulus with itself."""
    from rsatoolbox.rdm import RDMs, compare

    drawn = np.repeat(np.arange(N_STIMULI), counts.astype(int))
    rdms = RDMs(rdms.astype(np.float64)).subsample_pattern("index", drawn)
    return compare(rdms, rdms, "corr") ** 2


def rebuilt(rdms, counts):
    """The RDMs of the drawn stimuli, without pairs of a stimulus with itself, and categories."""
    drawn = np.repeat(np.arange(N_STIMULI), counts.astype(int))
    a, b = (drawn[side] for side in np.triu_indices(len(drawn), 1))
    a, b = a[a != b], b[a != b]
    rows = np.array([squareform(rdm)[a, b] for rdm in rdms.astype(np.float64)])
    return rows, np.array(LABELS)[a], np.array(LABELS)[b]


def squared_correlations(rows):
    if rows.shape[-1] < 1 or (np.ptp(rows, axis=-1) == 0).any():
        return np.full((len(rows), len(rows)), np.nan)
    return np.corrcoef(rows) ** 2


def pooled_by_hand(rdms, counts):
    rows, one, other = rebuilt(rdms, counts)
    return squared_correlations(rows[:, one == other])


def per_category_by_hand(rdms, counts):
    rows, one, other = rebuilt(rdms, counts)
    each = [squared_correlations(rows[:, (one == c) & (other == c)]) for c in "abc"]
    return np.mean(each, axis=0)


def clustering_by_hand(rdms, counts):
    rows, one, other = rebuilt(rdms, counts)
    within, across = rows[:, one == other].mean(-1), rows[:, one != other].mean(-1)
    return (across - within) / (across + within)


# The bootstrap, the statistic of the data, and the statistic under multiplicities of the stimuli.
STATISTICS = {
    "consistency": (bootstrap_consistency, consistency, by_rsatoolbox),
    "consistency with an offset": (
        lambda rdms, **options: bootstrap_consistency(rdms + np.float32(1e3), **options),
        lambda rdms: consistency(rdms + np.float32(1e3)),
        lambda rdms, counts: by_rsatoolbox(rdms + np.float32(1e3), counts),
    ),
    "pooled": (
        partial(bootstrap_within_category_consistency, labels=LABELS),
        lambda rdms: within_category_consistency(rdms, LABELS),
        pooled_by_hand,
    ),
    "per category": (
        partial(bootstrap_within_category_consistency, labels=LABELS, aggregate="per_category"),
        lambda rdms: within_category_consistency(rdms, LABELS, "per_category"),
        per_category_by_hand,
    ),
    "clustering": (
        partial(bootstrap_category_clustering_index, labels=LABELS),
        lambda rdms: category_clustering_index(rdms, LABELS),
        clustering_by_hand,
    ),
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("over", ["instances", "stimuli", "both"])
def test_every_resample_is_that_of_the_rebuilt_rdms(rng, name, over):
    rdms = related_rdms(rng)
    run, of_data, by_hand = STATISTICS[name]
    result = run(rdms, over=over, n_resamples=60, confidence=0.8, seed=5)
    whole = by_hand(rdms, EVERYTHING)
    expected = [
        weighted_mean(whole if over == "instances" else by_hand(rdms, stimuli), instances)
        for stimuli, instances in resamples(over, 60, N_STIMULI, N_INSTANCES, seed=5)
    ]
    check_samples(result, expected, atol=2e-5)
    # A category of three often loses one, and then has no distances that differ.
    assert result.dropped > 0 or over != "stimuli" or name != "per category"
    assert result.mean == pytest.approx(of_data(rdms).mean(), rel=1e-9)
    bias = 0 if over == "instances" else result.samples.mean() - result.mean
    ends = np.percentile(result.samples, [10, 90]) - bias
    np.testing.assert_allclose([result.low, result.high], ends, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in STATISTICS if name != "clustering"])
def test_over_pairs_or_instances_the_values_of_the_data_are_drawn(rng, name):
    rdms = related_rdms(rng, 2)
    run, of_data, _ = STATISTICS[name]
    values = of_data(rdms)
    for over in ("pairs", "instances"):
        result = run(rdms, over=over, n_resamples=30, seed=4)
        of_values = bootstrap_pairs(values, over, 30, seed=4)
        np.testing.assert_allclose(of_values.samples, result.samples, rtol=1e-12)
    result = run(rdms, over="pairs", n_resamples=30, seed=4)
    expected = values @ counts_drawn("value", 30, 6, seed=4).T / 6
    np.testing.assert_allclose(result.samples, expected, rtol=1e-12)
    assert result.dropped == 0


@pytest.mark.parametrize(
    ("name", "over"),
    [
        *(("consistency", over) for over in ("pairs", "instances", "stimuli", "both")),
        *((name, "both") for name in ("pooled", "clustering")),
    ],
)
def test_bca_leaves_out_what_is_resampled_one_by_one(rng, name, over):
    rdms = related_rdms(rng)
    run, _, by_hand = STATISTICS[name]
    of_data = by_hand(rdms, EVERYTHING)
    without_instance = [weighted_mean(of_data, EVERYONE - e) for e in np.eye(N_INSTANCES)]
    without_stimulus = [
        weighted_mean(by_hand(rdms, EVERYTHING - e), EVERYONE) for e in np.eye(N_STIMULI)
    ]
    jackknives = {"instances": [without_instance], "stimuli": [without_stimulus]}
    jackknives["both"] = [without_stimulus, without_instance]
    if over == "pairs":
        values = of_data[np.triu_indices(N_INSTANCES, 1)]
        jackknives[over] = [[np.delete(values, k).mean() for k in range(values.size)]]
    check_bca(partial(run, rdms, over=over), jackknives[over], atol=2e-5)


@pytest.mark.parametrize(
    ("name", "over"),
    [
        *(("consistency", over) for over in ("pairs", "instances", "both")),
        *((name, "both") for name in ("pooled", "clustering")),
    ],
)
def test_samples_depend_on_the_seed_alone(rng, name, over, monkeypatch):
    rdms = related_rdms(rng, 2, 1)
    run = partial(STATISTICS[name][0], over=over)
    whole = run(rdms, n_resamples=60)
    assert whole.mean.shape == whole.low.shape == whole.high.shape == (2, 1)
    other = run(rdms, n_resamples=60, seed=1).samples
    assert whole.samples.shape != other.shape or not np.allclose(whole.samples, other)
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", 10 * N_STIMULI)
    fewer = run(jnp.asarray(rdms[1, 0]), n_resamples=30).samples
    assert len(fewer) > 20
    np.testing.assert_allclose(fewer, whole.samples[1, 0, : len(fewer)], rtol=0, atol=2e-6)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_bootstrap_mean_has_scipys_interval_from_the_same_resamples(rng, method):
    values = rng.exponential(size=(2, 12))
    ours = bootstrap_mean(values, n_resamples=2000, confidence=0.9, interval=method)
    options = {"axis": -1, "n_resamples": 0, "confidence_level": 0.9, "method": method}
    of_samples = SimpleNamespace(bootstrap_distribution=ours.samples)
    theirs = stats.bootstrap((values,), np.mean, bootstrap_result=of_samples, **options)
    np.testing.assert_allclose([ours.low, ours.high], theirs.confidence_interval, rtol=1e-9)


def test_bca_without_variation_is_the_value():
    result = bootstrap_mean(np.full((2, 3), 0.1), n_resamples=50, interval="bca")
    np.testing.assert_allclose([result.low, result.high], 0.1, rtol=1e-12)


def test_three_stimuli_are_refused_since_only_the_data_remain():
    rdms = np.array([[1.0, 2.0, 4.0], [2.0, 1.0, 5.0]])
    # Of three stimuli, only a draw of all three has distances that differ, or pairs within and
    # across categories; the value is then that of the data.
    complete = (counts_drawn("stimulus", 100, 3) > 0).all(-1).sum()
    message = f"all but {complete} of 100 resamples lack .*, and these equal the data"
    with pytest.raises(InputError, match=message):
        bootstrap_consistency(rdms, over="stimuli", n_resamples=100)
    with pytest.raises(InputError, match=message):
        bootstrap_category_clustering_index(rdms, list("aab"), "stimuli", n_resamples=100)


def test_resamples_that_leave_a_constant_rdm_are_dropped_for_all_layers(rng):
    rdms = related_rdms(rng, 2)[:, :2]
    rdms[1, 1] = 0.3
    rdms[1, 1, 0] = 0.7  # constant unless stimuli 0 and 1 are both drawn
    result = bootstrap_consistency(rdms, over="stimuli", n_resamples=60)
    counts = counts_drawn("stimulus", 60, N_STIMULI)
    drawn = (counts[:, :2] > 0).all(-1)
    assert result.dropped == 60 - drawn.sum() > 0
    expected = [by_rsatoolbox(rdms[1], c)[0, 1] for c in counts[drawn]]
    np.testing.assert_allclose(result.samples[1], expected, rtol=0, atol=1e-5)
    assert result.samples.shape == (2, drawn.sum())


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_clustering_does_not_depend_on_scale(rng, scale):
    rdms = related_rdms(rng).astype(np.float64)
    samples, scaled = (
        bootstrap_category_clustering_index(r, LABELS, "stimuli", 60).samples
        for r in (rdms, scale * rdms)
    )
    np.testing.assert_allclose(scaled, samples, rtol=0, atol=1e-6)


VARIED = np.arange(18.0).reshape(3, 6) ** 2 % 101
DEFAULTS = {
    bootstrap_consistency: {"rdms": VARIED},
    bootstrap_within_category_consistency: {
        "rdms": np.arange(30.0).reshape(2, 15) ** 2 % 17,
        "labels": list("aaaabb"),
    },
    bootstrap_category_clustering_index: {"rdms": VARIED[:, :3], "labels": list("aab")},
    bootstrap_pairs: {"shared": np.ones(3)},
    bootstrap_mean: {},
}
WRONG = {
    bootstrap_consistency: [
        ({"over": "units"}, r"over: unknown 'units'; choose from pairs, instances, stimuli, both"),
        ({"interval": "t"}, r"interval: unknown 't'; choose from percentile, bca"),
        *(
            ({"rdms": VARIED[:2], "over": over}, r"rdms: the single pair .*three instances or more")
            for over in ("pairs", "instances", "both")
        ),
        ({"n_resamples": 0}, r"n_resamples: expected a whole number of at least 1, got 0"),
        ({"seed": 2**40}, r"seed: "),  # JAX would take it for 0
        ({"confidence": 1.0}, r"confidence: expected a number between 0 and 1.*got 1.0"),
        ({"confidence": 0.0}, r"confidence: "),
        ({"rdms": np.ones((1, 6))}, r"rdms: expected shape .*two instances"),
        ({"rdms": np.ones((2, 6))}, r"rdms: .*constant"),
        (  # seed 1 draws the first of three stimuli twice: one distance is left
            {"rdms": VARIED[:, :3], "over": "stimuli", "n_resamples": 1, "seed": 1},
            r"rdms: expected enough instances and stimuli",
        ),
    ],
    bootstrap_pairs: [
        ({"over": "stimuli"}, r"over: unknown 'stimuli'; choose from pairs, instances"),
        ({"shared": np.ones(4)}, r"shared: .*got 4"),
        ({"shared": np.array([np.inf])}, r"shared: expected finite"),
    ],
    bootstrap_mean: [
        ({"values": np.array([])}, r"values: .*no empty axis"),
        ({"values": np.array([1.0, np.nan])}, r"values: .*finite"),
        ({"values": np.array([1.0])}, r"values: a single value .*expected two or more"),
    ],
    bootstrap_within_category_consistency: [
        ({"labels": list("abcdef")}, r"labels: .*all different labels"),
        ({"aggregate": "mean"}, r"aggregate: unknown 'mean'; choose from pooled, per_category"),
        ({"aggregate": "per_category"}, r"labels: .*three stimuli or more in each.*'b' has fewer"),
        ({"over": "units"}, r"over: unknown 'units'; choose from pairs"),
        ({"rdms": np.ones((1, 15))}, r"rdms: expected shape .*two instances"),
        ({"rdms": np.ones((2, 15))}, r"rdms \(same-category pairs\): .*constant"),
    ],
    bootstrap_category_clustering_index: [
        ({"over": "pairs"}, r"over: unknown 'pairs'; choose from instances, stimuli, both"),
        ({"rdms": np.zeros((2, 3))}, r"rdms: expected mean distances above 0"),
        ({"rdms": VARIED[:1, :3]}, r"rdms: a single value has no interval over instances"),
        ({"rdms": np.ones(3)}, r"rdms: expected shape \(\.\.\., instance, stimulus_pair\)"),
    ],
}


@pytest.mark.parametrize(
    ("function", "changes", "message"),
    [(function, *case) for function, cases in WRONG.items() for case in cases],
)
def test_wrong_input_is_named(function, changes, message):
    with pytest.raises(InputError, match=message):
        function(**DEFAULTS[function] | changes)

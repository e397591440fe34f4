from itertools import combinations
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from rsatoolbox.inference.bootstrap import bootstrap_sample_pattern, bootstrap_sample_rdm
from rsatoolbox.rdm import RDMs, compare
from scipy import stats
from scipy.spatial.distance import squareform

from ensemble_rsa import numerics
from ensemble_rsa.analysis.bootstrap.consistency import (
    bootstrap_consistency,
    bootstrap_mean,
    bootstrap_pairs,
)
from ensemble_rsa.analysis.bootstrap.draws import draw_counts
from ensemble_rsa.analysis.bootstrap.intervals import bca_levels
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import host_stream

N_STIMULI = 12
STIMULUS_PAIRS = N_STIMULI * (N_STIMULI - 1) // 2
BY_RESAMPLING = ("instances", "stimuli", "both")


def related_rdms(rng, *leading, n_instances=4, offset=0.0):
    shared = rng.random(STIMULUS_PAIRS)
    rdms = offset + shared + rng.random((*leading, n_instances, STIMULUS_PAIRS))
    return rdms.astype(np.float32)


def counts_drawn(seed, factor, n_resamples, n):
    return draw_counts(host_stream(seed, f"bootstrap {factor}"), slice(0, n_resamples), n)


def repeated(counts):
    return np.repeat(np.arange(len(counts)), counts.astype(int))


def by_rsatoolbox(rdms, counts):
    """r² of all pairs after rsatoolbox has drawn the stimuli and dropped the repeated ones."""
    drawn = RDMs(rdms.astype(np.float64)).subsample_pattern("index", repeated(counts))
    return compare(drawn, drawn, "corr") ** 2


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_stimuli_resample_by_resample_as_rsatoolbox(rng, offset):
    rdms = related_rdms(rng, offset=offset)
    result = bootstrap_consistency(rdms, over="stimuli", n_resamples=40, seed=5)
    counts = counts_drawn(5, "stimulus", 40, N_STIMULI)
    expected = [by_rsatoolbox(rdms, c)[np.triu_indices(4, 1)].mean() for c in counts]
    np.testing.assert_allclose(result.samples, expected, rtol=0, atol=1e-5)


def mean_over_distinct(squares, instances):
    """By brute force: every two draws, unless both are the same instance."""
    values = [squares[i, j] for i, j in combinations(instances, 2) if i != j]
    return np.mean(values) if values else np.nan


def test_instances_against_brute_force(rng):
    rdms = related_rdms(rng)
    result = bootstrap_consistency(rdms, over="instances", n_resamples=300, seed=2)
    squares = np.corrcoef(rdms.astype(np.float64)) ** 2
    counts = counts_drawn(2, "instance", 300, 4)
    expected = np.array([mean_over_distinct(squares, repeated(c)) for c in counts])
    kept = np.isfinite(expected)
    np.testing.assert_allclose(result.samples, expected[kept], rtol=0, atol=1e-6)
    assert result.dropped == (~kept).sum() > 0


def test_values_of_pairs_are_resampled_as_consistency_is(rng):
    rdms = related_rdms(rng, 2)
    for over in ("pairs", "instances"):
        from_rdms = bootstrap_consistency(rdms, over=over, n_resamples=50, seed=6)
        from_values = bootstrap_pairs(consistency(rdms), over=over, n_resamples=50, seed=6)
        np.testing.assert_array_equal(from_values.samples, from_rdms.samples)


def test_both_draws_instances_and_stimuli_independently(rng):
    rdms = related_rdms(rng)
    result = bootstrap_consistency(rdms, over="both", n_resamples=40, seed=3)
    stimuli = counts_drawn(3, "stimulus", 40, N_STIMULI)
    instances = counts_drawn(3, "instance", 40, 4)
    expected = np.array(
        [
            mean_over_distinct(by_rsatoolbox(rdms, s), repeated(i))
            for s, i in zip(stimuli, instances, strict=True)
        ]
    )
    kept = np.isfinite(expected)
    np.testing.assert_allclose(result.samples, expected[kept], rtol=0, atol=1e-5)
    assert result.dropped == (~kept).sum()


def test_pairs_are_the_mean_over_drawn_pairs(rng):
    rdms = related_rdms(rng)
    pairs = consistency(rdms)
    result = bootstrap_consistency(rdms, over="pairs", n_resamples=20, seed=4)
    counts = counts_drawn(4, "value", 20, 6)
    expected = [pairs[repeated(c)].mean() for c in counts]
    np.testing.assert_allclose(result.samples, expected, rtol=1e-12)
    assert result.dropped == 0


@pytest.mark.parametrize("over", ["pairs", *BY_RESAMPLING])
def test_the_mean_is_that_of_the_data_and_the_ends_are_percentiles(rng, over):
    rdms = related_rdms(rng)
    result = bootstrap_consistency(rdms, over=over, n_resamples=200, confidence=0.8)
    assert result.mean == pytest.approx(consistency(rdms).mean(), abs=1e-6)
    ends = np.percentile(result.samples, [10, 90])
    np.testing.assert_allclose([result.low, result.high], ends, rtol=1e-12)


def test_bootstrap_mean_has_scipys_interval(rng):
    values = rng.exponential(size=25)
    result = bootstrap_mean(values, n_resamples=20_000, seed=1)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=rng
    ).confidence_interval
    # The standard error of a 2.5 % quantile from 20,000 resamples is about 2 % of the spread.
    atol = 5 * 0.02 * result.samples.std()
    np.testing.assert_allclose([result.low, result.high], theirs, rtol=0, atol=atol)


def bootstrapped_by_rsatoolbox(rdms, over):
    drawn = RDMs(rdms.astype(np.float64))
    if over == "instances":
        drawn, chosen = bootstrap_sample_rdm(drawn)
    else:
        drawn, _ = bootstrap_sample_pattern(drawn)
        chosen = np.arange(len(rdms))
    shared = compare(drawn, drawn, "corr") ** 2
    distinct = np.triu(chosen[:, None] != chosen)
    return shared[distinct].mean() if distinct.any() else np.nan


@pytest.mark.parametrize("over", ["stimuli", "instances"])
def test_the_spread_is_that_of_rsatoolbox_resampling(rng, over, monkeypatch):
    rdms = related_rdms(rng, n_instances=6)
    monkeypatch.setattr(np.random, "randint", rng.integers)  # what rsatoolbox draws by
    theirs = np.array([bootstrapped_by_rsatoolbox(rdms, over) for _ in range(300)])
    theirs = theirs[np.isfinite(theirs)]
    ours = bootstrap_consistency(rdms, over=over, n_resamples=4000).samples
    # Standard errors of a mean and of a standard deviation from 300 draws.
    error = ours.std() / np.sqrt(300)
    assert theirs.mean() == pytest.approx(ours.mean(), abs=4 * error)
    kurtosis = stats.kurtosis(ours, fisher=False)
    assert theirs.std() == pytest.approx(ours.std(), abs=4 * error * np.sqrt((kurtosis - 1) / 4))


@pytest.mark.parametrize("leading", [(), (2,)])
def test_bootstrap_mean_has_scipys_bca_interval_from_the_same_resamples(rng, leading):
    values = rng.exponential(size=(*leading, 12))
    ours = bootstrap_mean(values, n_resamples=2000, confidence=0.9, interval="bca")
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        axis=-1,
        n_resamples=0,
        confidence_level=0.9,
        method="BCa",
        bootstrap_result=SimpleNamespace(bootstrap_distribution=ours.samples),
    ).confidence_interval
    np.testing.assert_allclose(ours.low, theirs.low, rtol=1e-9)
    np.testing.assert_allclose(ours.high, theirs.high, rtol=1e-9)


def jackknifed(rdms):
    """Mean r² without each stimulus and without each instance, in float64."""
    squares = np.array([squareform(rdm) for rdm in rdms.astype(np.float64)])
    without_stimulus = []
    for k in range(N_STIMULI):
        fewer = np.delete(np.delete(squares, k, 1), k, 2)
        rows = fewer[:, *np.triu_indices(N_STIMULI - 1, 1)]
        without_stimulus.append(mean_over_distinct(np.corrcoef(rows) ** 2, range(len(rdms))))
    shared = np.corrcoef(rdms.astype(np.float64)) ** 2
    everyone = range(len(rdms))
    without_instance = [
        mean_over_distinct(shared, [i for i in everyone if i != k]) for k in everyone
    ]
    pairs = shared[np.triu_indices(len(rdms), 1)]
    without_pair = [np.delete(pairs, k).mean() for k in range(pairs.size)]
    return {
        "pairs": [without_pair],
        "instances": [without_instance],
        "stimuli": [without_stimulus],
        "both": [without_stimulus, without_instance],
    }


@pytest.mark.parametrize("over", ["pairs", *BY_RESAMPLING])
def test_bca_leaves_out_what_is_resampled_one_by_one(rng, over):
    rdms = related_rdms(rng)
    options = {"over": over, "n_resamples": 200, "confidence": 0.6}
    plain = bootstrap_consistency(rdms, **options)
    result = bootstrap_consistency(rdms, **options, interval="bca")
    np.testing.assert_array_equal(result.samples, plain.samples)
    jackknives = [np.array(values) for values in jackknifed(rdms)[over]]
    moved = bca_levels(plain.samples, float(plain.mean), jackknives, np.array([0.2, 0.8]))
    expected = np.quantile(plain.samples, moved)
    np.testing.assert_allclose([result.low, result.high], expected, rtol=0, atol=1e-5)
    assert not np.allclose([result.low, result.high], [plain.low, plain.high], atol=1e-4)


def test_bca_without_variation_is_the_value():
    result = bootstrap_mean(np.full((2, 3), 0.1), n_resamples=50, interval="bca")
    np.testing.assert_allclose([result.low, result.high], 0.1, rtol=1e-12)
    rdms = np.array([[1.0, 2, 4], [2.0, 1, 5]])  # of two instances, only both can be drawn
    result = bootstrap_consistency(rdms, over="instances", n_resamples=20, interval="bca")
    assert result.low == result.high == result.mean


@pytest.mark.parametrize("over", ["pairs", *BY_RESAMPLING])
def test_every_layer_gets_the_same_resamples(rng, over):
    rdms = related_rdms(rng, 2, 1, n_instances=6)
    whole = bootstrap_consistency(rdms, over=over, n_resamples=50)
    assert whole.samples.shape == (2, 1, 50)
    assert whole.mean.shape == whole.low.shape == whole.high.shape == (2, 1)
    alone = bootstrap_consistency(jnp.asarray(rdms[1, 0]), over=over, n_resamples=50)
    np.testing.assert_allclose(whole.samples[1, 0], alone.samples, rtol=0, atol=1e-6)


@pytest.mark.parametrize("over", ["pairs", *BY_RESAMPLING])
def test_samples_depend_on_the_seed_alone(rng, over, monkeypatch):
    rdms = related_rdms(rng, n_instances=6)
    samples = bootstrap_consistency(rdms, over=over, n_resamples=40).samples
    other = bootstrap_consistency(rdms, over=over, n_resamples=40, seed=1).samples
    assert not np.allclose(samples, other)
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", 7 * STIMULUS_PAIRS)
    fewer = bootstrap_consistency(rdms, over=over, n_resamples=30).samples
    np.testing.assert_allclose(fewer, samples[:30], rtol=0, atol=1e-6)


def test_resamples_with_too_few_stimuli_are_dropped_and_counted():
    rdms = np.array([[1.0, 2.0, 4.0], [2.0, 1.0, 5.0]])
    result = bootstrap_consistency(rdms, over="stimuli", n_resamples=100)
    # With three stimuli only a draw of all three has distances that differ, and then r² is that of
    # the data.
    complete = (counts_drawn(0, "stimulus", 100, 3) > 0).all(-1)
    assert result.dropped == 100 - complete.sum() > 0
    np.testing.assert_allclose(result.samples, result.mean, rtol=0, atol=1e-5)


def test_resamples_that_leave_a_constant_rdm_are_dropped_for_all_layers(rng):
    rdms = related_rdms(rng, 2, n_instances=2)
    flat = np.full(STIMULUS_PAIRS, 0.3, np.float32)
    flat[0] = 0.7  # constant unless stimuli 0 and 1 are both drawn
    rdms[1, 1] = flat
    result = bootstrap_consistency(rdms, over="stimuli", n_resamples=60)
    counts = counts_drawn(0, "stimulus", 60, N_STIMULI)
    drawn = (counts[:, :2] > 0).all(-1)
    assert result.dropped == 60 - drawn.sum() > 0
    expected = [by_rsatoolbox(rdms[1], c)[0, 1] for c in counts[drawn]]
    np.testing.assert_allclose(result.samples[1], expected, rtol=0, atol=1e-5)
    assert result.samples.shape == (2, drawn.sum())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"over": "units"}, r"over: unknown 'units'; choose from pairs, instances, stimuli, both"),
        ({"interval": "t"}, r"interval: unknown 't'; choose from percentile, bca"),
        (
            {"over": "both", "interval": "bca"},  # no pair is left without either instance
            r"interval: 'bca' is undefined here, .*; use interval='percentile'",
        ),
        ({"n_resamples": 0}, r"n_resamples: expected a whole number of at least 1, got 0"),
        ({"seed": 2**40}, r"seed: "),  # JAX would take it for 0
        ({"confidence": 1.0}, r"confidence: expected a number between 0 and 1.*got 1.0"),
        ({"confidence": 0.0}, r"confidence: "),
        ({"rdms": np.ones((1, 6))}, r"rdms: expected shape .*two instances"),
        ({"rdms": np.ones((2, 6))}, r"rdms: .*constant"),
        ({"rdms": np.full((2, 6), np.nan)}, r"rdms: expected finite"),
        ({"rdms": np.ones((2, 4))}, r"rdms: .*got 4"),
        (
            # Seed 1 draws the first stimulus twice: one distance is left.
            {
                "rdms": np.array([[1.0, 2, 3], [3, 5, 6]]),
                "over": "stimuli",
                "n_resamples": 1,
                "seed": 1,
            },
            r"rdms: expected enough instances and stimuli",
        ),
    ],
)
def test_wrong_input_is_named(arguments, message):
    rdms = arguments.pop("rdms", np.arange(12.0).reshape(2, 6) ** 2)
    with pytest.raises(InputError, match=message):
        bootstrap_consistency(rdms, **arguments)


@pytest.mark.parametrize(
    ("shared", "over", "message"),
    [
        (np.ones(3), "stimuli", r"over: unknown 'stimuli'; choose from pairs, instances"),
        (np.ones(4), "instances", r"shared: .*got 4"),
        (np.array([np.inf]), "pairs", r"shared: expected finite"),
    ],
)
def test_wrong_values_of_pairs_are_named(shared, over, message):
    with pytest.raises(InputError, match=message):
        bootstrap_pairs(shared, over)


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.array([]), r"values: .*no empty axis"), (np.array([1.0, np.nan]), r"values: .*finite")],
)
def test_wrong_values_are_named(values, message):
    with pytest.raises(InputError, match=message):
        bootstrap_mean(values)

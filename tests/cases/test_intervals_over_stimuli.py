"""Intervals over stimuli of networks that have little in common, or of few stimuli."""

import numpy as np
import pytest

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_consistency, bootstrap_mean
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.errors import InputError


def unrelated(rng, n_stimuli, n_instances=10):
    """RDMs of networks that have nothing in common: each sees its own patterns."""
    patterns = rng.normal(size=(n_instances, n_stimuli, 30))
    first, second = np.triu_indices(n_stimuli, 1)
    return np.array([1 - np.corrcoef(each)[first, second] for each in patterns])


@pytest.mark.parametrize("over", ["stimuli", "both"])
def test_the_percentile_interval_of_unrelated_networks_holds_the_estimate(rng, over):
    for _ in range(3):
        result = bootstrap_consistency(unrelated(rng, n_stimuli=20), over, n_resamples=300)
        # r² is 2 / n² in expectation, 0.005, and with repeated stimuli 8 / n², 0.02.
        bias = result.samples.mean() - result.mean
        assert 0.01 < bias < 0.02
        assert 0 <= result.low < result.mean < result.high
        expected = np.quantile(result.samples, 0.975) - bias
        assert result.high == pytest.approx(expected, rel=1e-9)


def test_over_instances_and_where_networks_agree_nothing_is_corrected(rng):
    rdms = rng.random((4, 1, 190)) + 2 * rng.random(190) + 0.3 * rng.random((4, 5, 190))
    for stack in rdms:
        over_instances = bootstrap_consistency(stack, "instances", n_resamples=300)
        ends = np.quantile(over_instances.samples, [0.025, 0.975])
        np.testing.assert_array_equal([over_instances.low, over_instances.high], ends)
        over_stimuli = bootstrap_consistency(stack, "stimuli", n_resamples=300)
        ends = np.quantile(over_stimuli.samples, [0.025, 0.975])
        np.testing.assert_allclose([over_stimuli.low, over_stimuli.high], ends, atol=0.01)


def test_the_corrected_interval_covers_what_the_uncorrected_one_misses(rng):
    # r² of very many stimuli is 0, as nothing is shared.
    held = np.array(
        [
            (result.low <= 0, np.quantile(result.samples, 0.025) <= 0)
            for result in (
                bootstrap_consistency(unrelated(rng, 20), "stimuli", n_resamples=200, seed=seed)
                for seed in range(20)
            )
        ]
    )
    assert held[:, 0].mean() > 0.9
    assert not held[:, 1].any()


def test_bca_that_would_not_hold_its_estimate_is_refused(rng):
    rdms = unrelated(rng, n_stimuli=20)
    with pytest.raises(InputError, match=r"'bca'.*one side.*use interval='percentile'"):
        bootstrap_consistency(rdms, "stimuli", n_resamples=400, interval="bca")
    corrected = bootstrap_consistency(rdms, "stimuli", n_resamples=400)
    assert corrected.low < consistency(rdms).mean() < corrected.high


def test_bca_over_values_is_refused_by_the_same_rule():
    # Of the resampled means of 0, 0, 0, 1, (3/4)⁴ = 32 % lie below 1/4, and 42 % are equal to it:
    # z₀ is that of 53 %, 0.07, while a 1 % interval reaches 0.01 to either side.
    values = np.array([0.0, 0.0, 0.0, 1.0])
    with pytest.raises(InputError, match=r"'bca'.*one side"):
        bootstrap_mean(values, n_resamples=2000, confidence=0.01, interval="bca")
    assert bootstrap_mean(values, n_resamples=2000, interval="bca").low == 0


def test_a_corrected_interval_ends_at_1(rng):
    ends = []
    for _ in range(20):  # five stimuli, three networks that nearly agree
        patterns = 0.9 * rng.normal(size=(5, 30)) + 0.1 * rng.normal(size=(3, 5, 30))
        first, second = np.triu_indices(5, 1)
        rdms = np.array([1 - np.corrcoef(each)[first, second] for each in patterns])
        result = bootstrap_consistency(rdms, "stimuli", n_resamples=200)
        assert result.low <= result.mean <= result.high
        ends.append(result.high)
    assert max(ends) == 1


def test_stimuli_of_which_only_the_data_can_be_drawn_are_refused(rng):
    with pytest.raises(InputError, match="rdms: expected enough stimuli to resample, got so few"):
        bootstrap_consistency(unrelated(rng, n_stimuli=3), "stimuli", n_resamples=200)

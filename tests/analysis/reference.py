"""What several tests share: the multiplicities drawn, and distances by SciPy."""

import numpy as np
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.bootstrap.draws import draw_counts
from ensemble_rsa.analysis.bootstrap.intervals import bca_levels
from ensemble_rsa.rng import host_stream


def unit(patterns):
    return patterns / np.linalg.norm(patterns, axis=-1, keepdims=True)


DISTANCES = {
    "correlation": lambda x: pdist(x, "correlation"),
    "cosine": lambda x: pdist(x, "cosine"),
    "euclidean": pdist,
    "unit_euclidean": lambda x: pdist(unit(x)),
    "norm_difference": lambda x: pdist(np.linalg.norm(x, axis=-1)[:, None]),
}


def related_activations(rng, labels, *leading, common=0.0, n_units=40):
    """Three instances with patterns in common; those of all stimuli are nearly equal at 30."""
    shared = rng.normal(size=(len(labels), n_units))
    own = rng.normal(size=(*leading, 3, len(labels), n_units))
    mean = common * (1 + rng.random(n_units))
    return (mean + shared + 0.7 * own).astype(np.float32)


def counts_drawn(drawn, n_resamples, n, seed=0):
    return draw_counts(host_stream(seed, f"bootstrap {drawn}"), slice(0, n_resamples), n)


def resamples(over, n_resamples, n_stimuli, n_instances, seed=0):
    """Multiplicities of stimuli and of instances in each resample."""
    stimuli, instances = np.ones((n_resamples, n_stimuli)), np.ones((n_resamples, n_instances))
    if over in ("stimuli", "both"):
        stimuli = counts_drawn("stimulus", n_resamples, n_stimuli, seed)
    if over in ("instances", "both"):
        instances = counts_drawn("instance", n_resamples, n_instances, seed)
    return zip(stimuli, instances, strict=True)


def weighted_mean(values, instances):
    """Mean of values of instances, or of a matrix over pairs of different instances."""
    weights = instances if values.ndim == 1 else np.triu(np.outer(instances, instances), 1)
    return (values * weights).sum() / weights.sum() if weights.any() else np.nan


def check_samples(result, expected, atol):
    expected = np.array(expected)
    kept = np.isfinite(expected)
    np.testing.assert_allclose(result.samples, expected[kept], rtol=0, atol=atol)
    assert result.dropped == (~kept).sum()


def check_bca(run, jackknives, atol, confidence=0.6):
    """Compare with the levels of the means without each one of what is resampled."""
    plain = run(n_resamples=200, confidence=confidence)
    result = run(n_resamples=200, confidence=confidence, interval="bca")
    np.testing.assert_array_equal(result.samples, plain.samples)
    jackknives = [np.array(means) for means in jackknives]
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    moved = bca_levels(plain.samples, float(plain.mean), jackknives, levels)
    expected = np.quantile(plain.samples, moved)
    np.testing.assert_allclose([result.low, result.high], expected, rtol=0, atol=atol)
    assert not np.allclose(expected, [plain.low, plain.high], atol=2 * atol)

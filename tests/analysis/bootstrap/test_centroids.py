import h5py
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ensemble_rsa import numerics
from ensemble_rsa.analysis.bootstrap.centroids import bootstrap_centroid_consistency
from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_pairs
from ensemble_rsa.analysis.bootstrap.draws import draw_counts
from ensemble_rsa.analysis.bootstrap.intervals import bca_levels
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.build import centroids, compute_rdm
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.rng import host_stream

LABELS = list("dabcdabcdadd")  # 3, 2, 2 and 5 members, not in order
N_STIMULI, N_INSTANCES, N_UNITS = len(LABELS), 3, 40


def unit(patterns):
    return patterns / np.linalg.norm(patterns, axis=-1, keepdims=True)


REFERENCE = {
    "correlation": lambda x: pdist(x, "correlation"),
    "cosine": lambda x: pdist(x, "cosine"),
    "euclidean": pdist,
    "unit_euclidean": lambda x: pdist(unit(x)),
    "norm_difference": lambda x: pdist(np.linalg.norm(x, axis=-1)[:, None]),
}


def related_activations(rng, *leading, common=0.0):
    shared = rng.normal(size=(N_STIMULI, N_UNITS))
    own = rng.normal(size=(*leading, N_INSTANCES, N_STIMULI, N_UNITS))
    mean = common * (1 + rng.random(N_UNITS))
    return (mean + shared + own).astype(np.float32)


def counts_drawn(factor, n_resamples, n):
    return draw_counts(host_stream(0, f"bootstrap {factor}"), slice(0, n_resamples), n)


def by_hand(activations, stimuli, instances, distance):
    """Mean r² of the centroids of the drawn stimuli over pairs of different drawn instances."""
    drawn = np.repeat(np.arange(N_STIMULI), stimuli.astype(int))
    categories = np.array(LABELS)[drawn]
    weights = np.triu(np.outer(instances, instances), 1)
    if len(set(categories)) < 4 or not weights.any():
        return np.nan
    rdms = [
        REFERENCE[distance](np.array([patterns[drawn[categories == c]].mean(0) for c in "abcd"]))
        for patterns in activations.astype(np.float64)
    ]
    return (np.corrcoef(rdms) ** 2 * weights).sum() / weights.sum()


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("common", [0.0, 30.0])  # 30: centroids nearly equal
def test_stimuli_and_instances_against_rebuilt_centroids(rng, distance, common):
    activations = related_activations(rng, common=common)
    result = bootstrap_centroid_consistency(activations, LABELS, distance, "both", 60)
    stimuli = counts_drawn("stimulus", 60, N_STIMULI)
    instances = counts_drawn("instance", 60, N_INSTANCES)
    expected = np.array(
        [by_hand(activations, *counts, distance) for counts in zip(stimuli, instances, strict=True)]
    )
    kept = np.isfinite(expected)
    np.testing.assert_allclose(result.samples, expected[kept], rtol=0, atol=2e-4)
    assert result.dropped == (~kept).sum() > 0


@pytest.mark.parametrize("over", ["pairs", "instances"])
def test_over_instances_their_values_are_enough(rng, over):
    activations = related_activations(rng, 2)
    values = consistency(compute_rdm(centroids(activations, LABELS)))
    expected = bootstrap_pairs(values, over, 50, seed=3)
    result = bootstrap_centroid_consistency(activations, LABELS, over=over, n_resamples=50, seed=3)
    np.testing.assert_array_equal(result.samples, expected.samples)
    np.testing.assert_array_equal(result.mean, expected.mean)


def test_from_a_file_at_every_position_whatever_the_block(rng, tmp_path, monkeypatch):
    activations = related_activations(rng, 2)
    with h5py.File(tmp_path / "activations.h5", "w") as file:
        stored = file.create_dataset("activations", data=activations)
        whole = bootstrap_centroid_consistency(stored, LABELS, over="stimuli", n_resamples=30)
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", 7 * 16)
    alone = bootstrap_centroid_consistency(activations[1], LABELS, over="stimuli", n_resamples=30)
    np.testing.assert_allclose(whole.samples[1], alone.samples, rtol=0, atol=1e-5)
    assert whole.low.shape == (2,)


def test_bca_leaves_out_stimuli_one_by_one(rng):
    activations = related_activations(rng)
    options = {"over": "stimuli", "n_resamples": 200}
    plain = bootstrap_centroid_consistency(activations, LABELS, **options)
    result = bootstrap_centroid_consistency(activations, LABELS, **options, interval="bca")
    everyone, everything = np.ones(N_INSTANCES), np.ones(N_STIMULI)
    jackknife = [
        by_hand(activations, everything - e, everyone, "correlation") for e in np.eye(N_STIMULI)
    ]
    levels = np.array([0.025, 0.975])
    moved = bca_levels(plain.samples, float(plain.mean), [np.array(jackknife)], levels)
    expected = np.quantile(plain.samples, moved)
    np.testing.assert_allclose([result.low, result.high], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activations": np.ones((1, 4, 3))}, r"activations: .*at least two instances"),
        ({"activations": np.ones((4, 3))}, r"activations: expected shape"),
        ({"activations": np.full((2, 4, 3), np.inf)}, r"activations.*: expected finite"),
        ({"activations": np.zeros((2, 4, 3))}, r"centroid RDMs: .*constant"),
        ({"labels": list("aabb")}, r"labels: expected three categories or more, got 2"),
        ({"distance": "manhattan"}, r"distance: unknown 'manhattan'; choose from correlation"),
        ({"over": "units"}, r"over: unknown 'units'"),
        (
            {"over": "stimuli", "interval": "bca", "n_resamples": 200},  # b has one stimulus
            r"interval: 'bca' is undefined here, since .* without some one",
        ),
    ],
)
def test_wrong_input_is_named(rng, changes, message):
    arguments = {"activations": rng.random((2, 4, 3)), "labels": list("abca")} | changes
    with pytest.raises(InputError, match=message):
        bootstrap_centroid_consistency(**arguments)

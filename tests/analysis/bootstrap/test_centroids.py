from functools import partial

import h5py
import numpy as np
import pytest

from ensemble_rsa import numerics
from ensemble_rsa.analysis.bootstrap.centroids import bootstrap_centroid_consistency
from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_pairs
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.errors import FewStimuliWarning, InputError
from ensemble_rsa.rdm.build import centroids, compute_rdm
from tests.analysis.reference import (
    DISTANCES,
    check_bca,
    check_samples,
    related_activations,
    resamples,
    weighted_mean,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::ensemble_rsa.arrays.ReadingWarning"),  # stacks
    pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning"),
]

LABELS = list("dabcdabcdadd")  # 3, 2, 2 and 5 members, not in order
N_STIMULI, N_INSTANCES = len(LABELS), 3
run = partial(bootstrap_centroid_consistency, labels=LABELS)


def by_hand(activations, stimuli, instances, distance="correlation"):
    """Mean r² of the centroids of the drawn stimuli over pairs of different drawn instances."""
    drawn = np.repeat(np.arange(N_STIMULI), stimuli.astype(int))
    categories = np.array(LABELS)[drawn]
    if len(set(categories)) < 4:
        return np.nan
    rdms = [
        DISTANCES[distance](np.array([patterns[drawn[categories == c]].mean(0) for c in "abcd"]))
        for patterns in activations.astype(np.float64)
    ]
    return weighted_mean(np.corrcoef(rdms) ** 2, instances)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("common", [0.0, 30.0])  # 30: centroids nearly equal
def test_stimuli_and_instances_against_rebuilt_centroids(rng, distance, common):
    activations = related_activations(rng, LABELS, common=common)
    result = run(activations, distance=distance, over="both", n_resamples=60)
    drawn = resamples("both", 60, N_STIMULI, N_INSTANCES)
    check_samples(result, [by_hand(activations, *each, distance) for each in drawn], atol=2e-4)
    assert result.dropped > 0


@pytest.mark.parametrize("over", ["pairs", "instances"])
def test_over_instances_their_values_are_enough(rng, over):
    activations = related_activations(rng, LABELS, 2)
    values = consistency(compute_rdm(centroids(activations, LABELS)))
    expected = bootstrap_pairs(values, over, 50, seed=3)
    result = run(activations, over=over, n_resamples=50, seed=3)
    np.testing.assert_array_equal(result.samples, expected.samples)
    np.testing.assert_array_equal(result.mean, expected.mean)


def test_from_a_file_at_every_position_whatever_the_block(rng, tmp_path, monkeypatch):
    activations = related_activations(rng, LABELS, 2)
    with h5py.File(tmp_path / "activations.h5", "w") as file:
        stored = file.create_dataset("activations", data=activations)
        whole = run(stored, over="stimuli", n_resamples=30)
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", 7 * 16)
    alone = run(activations[1], over="stimuli", n_resamples=30)
    np.testing.assert_allclose(whole.samples[1], alone.samples, rtol=0, atol=1e-5)
    assert whole.low.shape == (2,)


def test_bca_leaves_out_stimuli_one_by_one(rng):
    activations = related_activations(rng, LABELS)
    everyone, everything = np.ones(N_INSTANCES), np.ones(N_STIMULI)
    jackknife = [by_hand(activations, everything - e, everyone) for e in np.eye(N_STIMULI)]
    check_bca(partial(run, activations, over="stimuli"), [jackknife], atol=1e-4, confidence=0.95)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activations": np.full((2, 4, 3), np.inf)}, r"activations.*: expected finite"),
        ({"activations": np.zeros((2, 4, 3))}, r"centroid RDMs: .*constant"),
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


def test_noisy_centroids_are_told(rng):
    """Instances share the means of categories, and each has noise of its own for each stimulus."""
    labels = np.repeat(list("abcdef"), 4)
    shared = rng.normal(size=(6, 40)).repeat(4, 0)
    activations = shared + 0.5 * rng.normal(size=(3, 24, 40))
    centroid_bootstrap = partial(bootstrap_centroid_consistency, activations, labels)
    result = centroid_bootstrap(over="stimuli", n_resamples=60)
    bias = result.samples.mean() - result.mean
    assert bias < -0.02
    with pytest.warns(FewStimuliWarning, match=f"centroids of 4 stimuli.* lower by {-bias:.2f}"):
        centroid_bootstrap(over="stimuli", n_resamples=60)

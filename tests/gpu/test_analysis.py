"""Analyses on an accelerator: float64's numbers, although its fast products round to ten bits."""

import jax
import numpy as np
import pytest
import scipy.spatial.distance

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_consistency
from ensemble_rsa.analysis.mds import mds
from ensemble_rsa.rdm.build import compute_rdm

pytestmark = pytest.mark.gpu

SCIPY = {"correlation": "correlation", "cosine": "cosine", "euclidean": "euclidean"}


@pytest.mark.parametrize("distance", SCIPY)
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_rdms_are_those_of_float64(distance, offset, rng):
    activations = (rng.normal(size=(40, 600)) + offset).astype(np.float32)
    expected = scipy.spatial.distance.pdist(activations.astype(np.float64), SCIPY[distance])
    # TF32 keeps three digits of an activation: the distance of two noisy patterns would be off by
    # 1e-4 without an offset, and by far more with one.
    atol = 1e-5 * expected.max() if offset == 0 or distance == "correlation" else 1e-5
    np.testing.assert_allclose(compute_rdm(activations, distance), expected, rtol=1e-5, atol=atol)


def on_cpu(function, *arguments, **options):
    with jax.default_device(jax.devices("cpu")[0]):
        return function(*arguments, **options)


@pytest.mark.parametrize("over", ["pairs", "instances", "stimuli"])
def test_bootstraps_are_those_of_a_cpu(over, rng):
    rdms = rng.random((4, 190)) + rng.random(190)
    options = {"over": over, "n_resamples": 100, "seed": 3}
    found, expected = (
        run(bootstrap_consistency, rdms, **options)
        for run in (lambda function, *a, **o: function(*a, **o), on_cpu)
    )
    for name in ("mean", "low", "high", "samples"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4)


def test_pictures_are_those_of_a_cpu(rng):
    rdm = scipy.spatial.distance.pdist(rng.normal(size=(30, 3)))
    found, expected = mds(rdm, n_init=2), on_cpu(mds, rdm, n_init=2)
    np.testing.assert_allclose(found.stress, expected.stress, rtol=1e-3)
    between = [scipy.spatial.distance.pdist(one.embedding) for one in (found, expected)]
    np.testing.assert_allclose(*between, atol=0.02 * rdm.max())

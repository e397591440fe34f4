"""Noise covariance, Mahalanobis and crossnobis are those of rsatoolbox and of closed forms."""

import re
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError

STIMULI = np.tile([3, 1, 2, 0], 6)  # not in sorted order
FOLDS = np.repeat(["b", "a", "c"], 8)  # every stimulus twice in each


@pytest.fixture
def measured(rng):
    mixing = np.eye(5) + 0.3 * rng.normal(size=(5, 5))
    patterns = rng.normal(size=(4, 5))
    return 100 + patterns[STIMULI] + rng.normal(size=(24, 5)) @ mixing


@pytest.fixture
def covariance(rng):
    mixing = np.eye(5) + 0.3 * rng.normal(size=(5, 5))
    return mixing @ mixing.T


def exact(rdm, expected):
    assert rdm.dtype == np.float64
    np.testing.assert_allclose(rdm, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("method", ["shrinkage_diag", "shrinkage_eye", "full", "diag"])
def test_covariances_are_rsatoolboxs(method, measured):
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.data.dataset import Dataset
    from rsatoolbox.data.noise import cov_from_residuals, cov_from_unbalanced

    measured = measured[:-1] - 100  # one stimulus has one measurement less
    exact(
        ersa.noise_covariance(measured, method=method), cov_from_residuals(measured, None, method)
    )
    exact(
        ersa.noise_covariance(measured, method=method, dof=17),
        cov_from_residuals(measured, 17, method),
    )
    dataset = Dataset(measured, obs_descriptors={"stimulus": STIMULI[:-1]})
    exact(
        ersa.noise_covariance(measured, STIMULI[:-1], method),
        cov_from_unbalanced(dataset, "stimulus", None, method),
    )


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:numpy")  # of rsatoolbox
def test_distances_are_rsatoolboxs(measured, covariance):
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.data.dataset import Dataset
    from rsatoolbox.rdm.calc import calc_rdm

    measured -= 100  # with an offset, rsatoolbox loses digits
    kept = np.arange(24) != 9  # one cell has one measurement, the others two
    order = np.argsort(STIMULI[kept], kind="stable")
    rows, stimuli, folds = (each[kept][order] for each in (measured, STIMULI, FOLDS))
    dataset = Dataset(rows, obs_descriptors={"stimulus": stimuli, "fold": folds})
    precision = np.linalg.inv(covariance)
    ours: Any = {"precision": "float64", "noise": covariance, "stimuli": STIMULI[kept]}
    found = ersa.compute_rdm(measured[kept], "mahalanobis", **ours)
    theirs: Any = calc_rdm(dataset, method="mahalanobis", descriptor="stimulus", noise=precision)
    exact(found, theirs.dissimilarities[0])
    for noise, inverse in ((covariance, precision), (None, None)):
        found = ersa.compute_rdm(
            measured[kept], "crossnobis", **(ours | {"noise": noise}), folds=FOLDS[kept]
        )
        theirs = calc_rdm(
            dataset, "crossnobis", descriptor="stimulus", noise=inverse, cv_descriptor="fold"
        )
        exact(found, theirs.dissimilarities[0])


def test_mahalanobis_distances_are_scipys_in_float32_and_for_each_instance(measured, covariance):
    noises = np.stack([covariance, 2 * covariance])
    found = ersa.compute_rdm(np.stack([measured, measured]), "mahalanobis", noise=noises)
    expected = pdist(measured, "mahalanobis", VI=np.linalg.inv(covariance)) ** 2 / 5
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [expected, expected / 2], rtol=1e-5)
    shared = ersa.compute_rdm(np.stack([measured, measured]), "mahalanobis", noise=covariance)
    np.testing.assert_array_equal(shared[1], found[0])


def test_crossnobis_is_unbiased_and_mahalanobis_is_not(rng):
    patterns = np.array([[0.0, 0, 0], [0, 0, 0], [1, 2, 0]])
    stimuli, folds = np.tile([0, 1, 2], 4), np.repeat(np.arange(4), 3)
    noise = np.diag([1.0, 4.0, 1.0])
    draws = patterns[stimuli] + rng.normal(size=(4000, 12, 3)) * [1, 2, 1]
    how: Any = {"noise": noise, "stimuli": stimuli}
    found = ersa.compute_rdm(draws, "crossnobis", **how, folds=folds)
    truth = np.array([0, 2, 2]) / 3
    error = found.std(0) / np.sqrt(len(draws))
    assert (np.abs(found.mean(0) - truth) < 4 * error).all()
    assert 0.45 < (found[:, 0] < 0).mean() < 0.6
    # Noise adds the variance of a difference of two means of four, in every unit.
    biased = ersa.compute_rdm(draws, "mahalanobis", **how).mean(0)
    np.testing.assert_allclose(biased, truth + 2 / 4, atol=0.03)


def test_a_shrunk_covariance_is_nearer_to_the_truth_and_can_be_inverted(rng):
    truth = np.diag(np.arange(1.0, 21))
    residuals = rng.normal(size=(12, 20)) * np.sqrt(np.diag(truth))
    shrunk = ersa.noise_covariance(residuals)
    assert np.linalg.norm(shrunk - truth) < np.linalg.norm(np.cov(residuals.T) - truth) / 2
    assert np.isfinite(ersa.compute_rdm(residuals, "mahalanobis", noise=shrunk)).all()
    stack = ersa.noise_covariance(np.stack([residuals, 3 * residuals]))
    np.testing.assert_allclose(stack, [shrunk, 9 * shrunk])
    assert ersa.noise_covariance(residuals[:, :1], method="shrinkage_eye").shape == (1, 1)


REFUSED = {
    "noise: expected a covariance (unit, unit) for 'mahalanobis', got None": {"noise": None},
    "noise: expected a covariance of shape (5, 5) for 5 units, got (4, 4)": {"noise": np.eye(4)},
    "noise: expected a symmetric covariance": {"noise": np.eye(5) + np.eye(5, k=1)},
    "noise: expected a positive definite covariance": {"noise": np.ones((5, 5))},
    "noise: expected finite numbers, got 25 NaN": {"noise": np.full((5, 5), np.nan)},
    "stimuli: expected one label for each of 24 measurements, got 2": {"stimuli": [1, 2]},
    "stimuli: expected two stimuli or more, got ['x']": {"stimuli": ["x"] * 24},
    "folds: expected None for 'mahalanobis'": {"folds": FOLDS},
    "folds: expected two folds or more, got [1]": {"distance": "crossnobis", "folds": [1] * 24},
    "folds: expected the fold of each measurement": {"distance": "crossnobis"},
    "stimuli: expected the stimulus of each": {
        "distance": "crossnobis", "folds": FOLDS, "stimuli": None,
    },
    "got no measurement of stimulus 0 in fold 'c'": {
        "distance": "crossnobis",
        "folds": np.where((STIMULI == 0) & (FOLDS == "c"), "a", FOLDS),
    },
    "noise: expected None for the distance 'cosine', got ndarray": {"distance": "cosine"},
    "distance: unknown 'manhattan'; choose from": {"distance": "manhattan"},
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message, measured):
    how: Any = {"distance": "mahalanobis", "noise": np.eye(5), "stimuli": STIMULI}
    how |= REFUSED[message]
    with pytest.raises(InputError, match=re.escape(message)):
        ersa.compute_rdm(measured, **how)


REFUSED_COVARIANCES = {
    "measurements: expected repetitions, got one residual": {"rows": slice(1)},
    "got one measurement of each stimulus": {"rows": slice(4), "stimuli": range(4)},
    "expected at least 5 degrees of freedom": {"rows": slice(5), "method": "full"},
    "method: unknown 'oas'": {"method": "oas"},
    "dof: expected a whole number": {"dof": 0},
}


@pytest.mark.parametrize("message", REFUSED_COVARIANCES)
def test_which_covariances_are_refused(message, measured):
    how: Any = dict(REFUSED_COVARIANCES[message])
    with pytest.raises(InputError, match=message):
        ersa.noise_covariance(measured[how.pop("rows", slice(None))], **how)


def test_a_unit_without_noise_and_an_iterator_are_refused(measured):
    measured[:, 2] = 0.1
    with pytest.raises(InputError, match=r"got 1 unit\(s\) whose repetitions are equal"):
        ersa.noise_covariance(measured, STIMULI)
    with pytest.raises(InputError, match="expected an array for 'mahalanobis', got an iterator"):
        ersa.compute_rdm(iter([measured]), "mahalanobis", noise=np.eye(5))

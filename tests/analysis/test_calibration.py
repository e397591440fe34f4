"""Similarity under permuted stimuli has known means, and its p values hold their level."""

import warnings
from functools import partial

import numpy as np
import pytest
from scipy.spatial.distance import squareform

import ensemble_rsa as ersa
from ensemble_rsa.analysis.measures import compact, open_representations
from ensemble_rsa.errors import InputError
from ensemble_rsa.similarity.cca import svcca
from ensemble_rsa.similarity.cka import linear_cka
from ensemble_rsa.similarity.procrustes import procrustes_distance


def biased_cka_of_chance(first, second):
    """Mean of CKA over all permutations of the stimuli of one of two networks."""
    kernels = [x @ x.T for x in (first - first.mean(0), second - second.mean(0))]
    traces, lengths = [np.trace(k) for k in kernels], [np.linalg.norm(k) for k in kernels]
    return traces[0] * traces[1] / (len(first) - 1) / (lengths[0] * lengths[1])


@pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")
def test_null_means_are_those_over_all_permutations(rng):
    activations = rng.normal(size=(2, 2, 9, 20)) + rng.normal(size=(2, 1, 9, 20))
    error = lambda found: 4 * found.null.std(0) / np.sqrt(len(found.null))
    biased = ersa.calibrated_similarity(activations, partial(linear_cka, unbiased=False), 300)
    expected = np.array([biased_cka_of_chance(*layer) for layer in activations])
    assert (np.abs(biased.null_mean - expected) < error(biased)).all()
    assert (biased.null_mean > 0.6).all()  # although unrelated
    unbiased = ersa.calibrated_similarity(activations, "linear_cka", 300)
    assert (np.abs(unbiased.null_mean) < error(unbiased)).all()
    np.testing.assert_allclose(unbiased.similarity, [linear_cka(x)[0] for x in activations])
    np.testing.assert_allclose(unbiased.excess, unbiased.similarity - unbiased.null_mean)
    rdms = ersa.compute_rdm(activations, flatten=False)
    found = ersa.calibrated_similarity(rdms, "pearson", 300)
    assert (np.abs(found.null_mean) < error(found)).all()


def test_p_and_quantile_of_a_null_distribution_that_is_known(monkeypatch, rng):
    means = iter([[0.4, 0.2], *([each, 0.2] for each in (0.1, 0.5, 0.4, 0.3))])  # observed first
    monkeypatch.setattr(
        "ensemble_rsa.analysis.calibration._means", lambda *_: np.array(next(means))
    )
    layers = {"a": rng.random((3, 15)), "b": rng.random((3, 15))}
    found = ersa.calibrated_similarity(layers, n_permutations=4, confidence=0.5)
    # of the sorted 0.1, 0.3, 0.4, 0.5 two are 0.4 or more, as is the observed one itself
    np.testing.assert_allclose(found.p, [3 / 5, 5 / 5])
    np.testing.assert_allclose(found.null_quantile, [0.35, 0.2])  # here the median
    np.testing.assert_allclose(found.null_mean, [0.325, 0.2])
    np.testing.assert_allclose(found.excess, [0.075, 0.0], atol=1e-12)


@pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")
def test_compact_patterns_have_the_same_similarities(rng):
    wide = [5 + rng.normal(size=(12, 30)) @ np.diag(2.0 ** -np.arange(30)) for _ in range(3)]
    small = [compact(x) for x in wide]
    assert {x.shape for x in small} == {(12, 11)}
    for measure in (linear_cka, partial(svcca, variance=0.8), procrustes_distance):
        np.testing.assert_allclose(measure(small), measure(wide), atol=1e-7)


def test_permuted_rdms_are_those_of_permuted_squares(rng):
    rdms = rng.random((2, 3, 15))
    given = open_representations(rdms, "pearson")
    orders = [rng.permutation(6) for _ in range(3)]
    found = given.permuted(orders)
    for layer in range(2):
        for instance, order in enumerate(orders):
            square = squareform(rdms[layer, instance])[np.ix_(order, order)]
            np.testing.assert_array_equal(found[layer][instance], squareform(square))


def test_all_layers_have_the_same_permutations(rng):
    rdms = rng.random((3, 15))
    found = ersa.calibrated_similarity({"a": rdms, "b": rdms, "c": 2 * rdms + 1}, seed=1)
    np.testing.assert_allclose(found.null[:, 0], found.null[:, 1])
    np.testing.assert_allclose(found.null[:, 0], found.null[:, 2])
    np.testing.assert_allclose(found.p, found.p_adjusted)
    other = ersa.calibrated_similarity({"a": rdms, "b": rdms}, seed=2)
    assert not np.allclose(other.null[:, 0], found.null[:, 0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")
def test_p_holds_its_level_for_unrelated_instances_and_finds_related_ones(rng):
    p = np.array(
        [
            ersa.calibrated_similarity(rng.random((2, 3, 28)), "pearson_squared", 19, seed=k).p
            for k in range(150)
        ]
    )
    assert (p <= 0.05).mean() < 0.1  # .05, and a standard error of .015 on 300 values
    assert 0.4 < p.mean() < 0.65
    related = rng.random((2, 1, 28)) + rng.random((2, 3, 28))
    assert (ersa.calibrated_similarity(related, "pearson_squared", 199).p_adjusted < 0.02).all()


def test_permutations_that_equal_the_observed_order_count_as_at_least_as_similar(rng):
    """RDMs of four stimuli that are proportional: 24 orders of one against the other, one of which
    gives back the observed 1, and that of all numbers of permutations n, 1 + n / 24 of 1 + n."""
    rdm = rng.random(6)
    rdms = np.stack([rdm, 0.3 * rdm + 0.1])
    n = 4000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ersa.calibrated_similarity(np.stack([rdms, rdms]), "pearson_squared", n)
    spread = np.sqrt(n / 24 * 23 / 24) / n
    np.testing.assert_allclose([found.p, found.p_adjusted], 1 / 24, atol=3 * spread)


def test_no_permutation_is_refused(rng):
    with pytest.raises(InputError, match="n_permutations: expected a whole number of at least 1"):
        ersa.calibrated_similarity(rng.random((2, 3, 28)), n_permutations=0)

import warnings
from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import qr, subspace_angles

from ensemble_rsa.errors import FewStimuliWarning, InputError
from ensemble_rsa.similarity.cca import pwcca, svcca

pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.arrays.ReadingWarning")  # stacks


def main_part(patterns, variance):
    """The activations themselves with only their leading singular directions left."""
    centred = patterns - patterns.mean(axis=0)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    explained = np.cumsum(values**2) / np.sum(values**2)
    kept = next(k for k in range(1, len(values) + 1) if explained[k - 1] >= variance - 1e-12)
    return left[:, :kept] * values[:kept], right[:kept]


def canonical(first, second):
    """Textbook CCA by QR: directions in stimulus space for the first, and correlations."""
    q_first, q_second = (qr(x - x.mean(axis=0), mode="economic")[0] for x in (first, second))
    left, correlations, _ = np.linalg.svd(q_first.T @ q_second, full_matrices=False)
    return q_first @ left, correlations


def directed_pwcca(first, second, variance):
    (x, x_units), (y, _) = main_part(first, variance), main_part(second, variance)
    directions, correlations = canonical(x, y)
    weights = np.abs(directions.T @ (x @ x_units)).sum(axis=1)
    return (weights * correlations).sum() / weights.sum()


@pytest.mark.parametrize("variance", [0.5, 0.9, 1])
def test_svcca_is_cca_after_a_truncated_svd(networks, variance):
    group = networks(60)
    parts = [main_part(x, variance)[0] for x in group]
    expected = [canonical(x, y)[1].mean() for x, y in combinations(parts, 2)]
    np.testing.assert_allclose(svcca(group, variance=variance), expected, atol=1e-12)
    angles = np.cos(subspace_angles(parts[0], parts[2])).mean()
    np.testing.assert_allclose(svcca(group[:1], group[1:], variance)[0, 1], angles, atol=1e-12)


@pytest.mark.parametrize("variance", [0.5, 0.9, 1])
def test_pwcca_is_the_mean_of_both_ways(networks, variance):
    group = networks(60)
    both = np.array([[directed_pwcca(x, y, variance) for y in group] for x in group])
    expected = (both + both.T) / 2
    assert np.abs(both - both.T).max() > 1e-3
    upper = np.triu_indices(3, 1)
    np.testing.assert_allclose(pwcca(group, variance=variance), expected[upper], atol=1e-6)
    between = pwcca(group[:2], group[1:], variance=variance)
    np.testing.assert_allclose(between, expected[:2, 1:], atol=1e-6)


def test_weights_over_several_blocks_and_far_from_one(networks, monkeypatch):
    monkeypatch.setattr("ensemble_rsa.similarity.kernel.block_width", lambda n_stimuli, n_units: 16)
    group = np.array(networks(60, (70, 70)))
    group *= 1e20
    expected = [directed_pwcca(*group[order], 0.8) for order in ([0, 1], [1, 0])]
    np.testing.assert_allclose(pwcca(group, variance=0.8), [np.mean(expected)], atol=1e-6)


def test_by_hand():
    # Units are uncorrelated with mean 0. The networks share unit a, and the first also has b of
    # twice the size: correlations 1 and (b against c) 0. Weights of the first: 1 and 2; of the
    # second, where c is half the size of a: 2 and 1.
    a, b, c = np.array([[1, 1, -1, -1, 0, 0], [1, -1, 0, 0, 0, 0], [0, 0, 1, -1, 0, 0]]) + 0.0
    a, b, c = a / 2, b / np.sqrt(2), c / np.sqrt(2)
    group = [np.stack([a, 2 * b], axis=1), np.stack([2 * a, c], axis=1)]
    np.testing.assert_allclose(svcca(group, variance=1), [1 / 2], atol=1e-12)
    np.testing.assert_allclose(pwcca(group, variance=1), [(1 / 3 + 2 / 3) / 2], atol=1e-7)
    # Of the first only b is kept, of the second only a.
    np.testing.assert_allclose(svcca(group, variance=0.7), [0], atol=1e-12)


@pytest.mark.parametrize("measure", [svcca, pwcca])
def test_equal_networks_and_plain_cca_under_linear_maps(rng, networks, measure):
    group = networks(60)
    np.testing.assert_allclose(np.diagonal(measure(group, group)), 1, atol=1e-12)
    mapped = [x @ rng.normal(size=(x.shape[1], x.shape[1])) - 5 for x in group]
    across = measure(group, mapped, variance=1)
    np.testing.assert_allclose(np.diagonal(across), 1, atol=1e-9)
    if measure is svcca:
        upper = np.triu_indices(3, 1)
        np.testing.assert_allclose(across[upper], svcca(group, variance=1), atol=1e-9)


def test_unrelated_networks_reach_what_is_said(rng):
    # Nine and four axes of 61 stimuli: squared correlations of 9/60 on average.
    group, others = rng.normal(size=(10, 61, 9)), rng.normal(size=(10, 61, 4))
    squares = [np.square(canonical(x, y)[1]).mean() for x in group for y in others]
    np.testing.assert_allclose(np.mean(squares), 9 / 60, rtol=0.1)
    assert (svcca(group, others, variance=1).mean() ** 2) < 9 / 60


@pytest.mark.parametrize("measure", [svcca, pwcca])
def test_as_many_axes_as_stimuli_allow_are_refused(rng, measure):
    stack = rng.normal(size=(2, 3, 10, 9))
    message = r"activations\[0, 0\]: 9 axes .* 10 stimuli .* would be 1"
    with pytest.raises(InputError, match=message):
        measure(stack, variance=1)
    stack[..., 8] = stack[..., 0]
    with pytest.warns(FewStimuliWarning, match="6 of 6 pairs .* of 10 stimuli, .* up to 7 corr"):
        result = measure(stack, variance=1)
    assert result.shape == (2, 3)
    assert (result >= 7 / 8 - 1e-9).all()  # of eight correlations


def test_no_warning_where_nothing_is_forced(rng):
    stack = rng.normal(size=(2, 13, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svcca(stack, variance=1)
    with pytest.warns(FewStimuliWarning, match="1 of 1 pairs .* up to 1 corr"):
        svcca(stack[:, :12], variance=1)


@pytest.mark.parametrize("variance", [0, 1.01, np.nan])
def test_a_wrong_variance_is_named(networks, variance):
    with pytest.raises(InputError, match="variance: expected a share above 0 and up to 1"):
        svcca(networks(60), variance=variance)

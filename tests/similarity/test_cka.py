import warnings
from itertools import combinations, permutations

import numpy as np
import pytest
from rsatoolbox.rdm import RDMs, compare
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group

from ensemble_rsa.errors import FewStimuliWarning, InputError
from ensemble_rsa.similarity.cka import linear_cka


def test_biased_by_hand():
    # The second is the first with the middle stimuli exchanged: centred −3 −1 1 3 and −3 1 −1 3
    # halves, so the cosine between the units is 16/20, squared for the kernels.
    line = np.arange(4.0)[:, None]
    exchanged = line[[0, 2, 1, 3]]
    np.testing.assert_allclose(linear_cka([line, exchanged], unbiased=False), [0.64], atol=1e-15)


def test_unbiased_by_hand():
    # Four stimuli have three ways to be put into two pairs. HSIC over n(n − 3) compares, way by
    # way, what the products of the two pairs add up to, measured from the mean of the three ways.
    # Places 0 1 2 3: products 01·23, 02·13, 03·12 give 0 + 6, 0 + 3, 0 + 2, that is (7, −2, −5)/3.
    # Places 0 2 1 3 exchange the first two. The cosine is (−14 − 14 + 25)/(49 + 4 + 25).
    line = np.arange(4.0)[:, None]
    exchanged = line[[0, 2, 1, 3]]
    np.testing.assert_allclose(linear_cka([line, exchanged]), [-3 / 78], atol=1e-15)


def explicit_unbiased_hsic(k, l):
    """Mean over all ordered quadruples of different stimuli of k_ij (l_ij + l_qr − 2 l_iq)."""
    quadruples = permutations(range(len(k)), 4)
    return np.mean([k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in quadruples])


def test_unbiased_is_a_u_statistic(rng):
    networks = [rng.normal(size=(6, p)) + 1 for p in (2, 3, 9)]
    kernels = [patterns @ patterns.T for patterns in networks]
    hsic = np.array([[explicit_unbiased_hsic(k, l) for l in kernels] for k in kernels])
    expected = [hsic[i, j] / np.sqrt(hsic[i, i] * hsic[j, j]) for i, j in combinations(range(3), 2)]
    np.testing.assert_allclose(linear_cka(networks), expected, atol=1e-13)


def test_biased_is_the_whitened_comparison_of_rsatoolbox(networks):
    group = networks()
    rdms = RDMs(np.array([pdist(patterns, "sqeuclidean") for patterns in group]))
    expected = compare(rdms, rdms, "cosine_cov")[np.triu_indices(3, 1)]
    np.testing.assert_allclose(linear_cka(group, unbiased=False), expected, atol=1e-10)


@pytest.mark.parametrize("unbiased", [True, False])
def test_rotation_scale_shift_and_order_of_units_and_stimuli(rng, networks, unbiased):
    group = networks()
    order = rng.permutation(30)
    moved = [
        3.0 * (patterns @ ortho_group.rvs(patterns.shape[1], random_state=1) + 10)[order]
        for patterns in group
    ]
    expected = linear_cka(group, unbiased=unbiased)
    np.testing.assert_allclose(linear_cka(moved, unbiased=unbiased), expected, atol=1e-12)
    identity = linear_cka(group, [x[np.argsort(order)] for x in moved], unbiased=unbiased)
    np.testing.assert_allclose(np.diagonal(identity), 1, atol=1e-12)
    np.testing.assert_allclose(identity[np.triu_indices(3, 1)], expected, atol=1e-12)


def test_independent_noise_is_biased_as_said_and_only_where_said(rng):
    n, p, q = 50, 50, 200
    ours, theirs = rng.normal(size=(20, n, p)), rng.normal(size=(20, n, q))
    unbiased = linear_cka(ours, theirs)
    assert abs(unbiased.mean()) < 0.005
    assert unbiased.min() < 0
    with pytest.warns(FewStimuliWarning, match=r"50 stimuli and up to 200 units .* about 0\.80"):
        biased = linear_cka(ours, theirs, unbiased=False)
    np.testing.assert_allclose(biased.mean(), np.sqrt(p / (n + p) * q / (n + q)), rtol=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        halves = linear_cka(ours, unbiased=False)
    np.testing.assert_allclose(halves.mean(), 1 / 2, rtol=0.02)


def test_where_it_is_undefined(rng):
    networks = rng.random((2, 5, 5))
    with pytest.raises(InputError, match="activations: expected at least 4 stimuli"):
        linear_cka(networks[:, :3])
    assert linear_cka(networks[:, :3, :2], unbiased=False).shape == (1,)
    networks[1] = 0.3
    with pytest.raises(InputError, match=r"activations\[1\]: expected patterns that differ"):
        linear_cka(networks)
    networks[1] = 0.3 * np.eye(5)
    with pytest.raises(InputError, match=r"activations\[1\]: .* equally far apart"):
        linear_cka(networks)

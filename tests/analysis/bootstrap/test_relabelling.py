from itertools import combinations

import numpy as np
import pytest

from ensemble_rsa.analysis.bootstrap.relabelling import (
    paired_relabellings,
    parts_in_mean,
    relabellings,
)


def test_all_ways_are_those_of_combinations_and_the_first_is_the_one_at_hand():
    labels, exact = relabellings(3, 4, 35, np.random.default_rng(0))
    assert exact
    assert [tuple(np.flatnonzero(row)) for row in labels] == list(combinations(range(7), 3))


def test_random_ways_keep_sizes_and_give_every_instance_the_same_chance():
    labels, exact = relabellings(3, 4, 34, np.random.default_rng(0))
    assert (exact, labels.shape) == (False, (34, 7))
    many, _ = relabellings(10, 20, 4000, np.random.default_rng(0))
    assert (many.sum(1) == 10).all()
    np.testing.assert_allclose(many.mean(0), 1 / 3, atol=4 * np.sqrt(2 / 9 / 4000))


@pytest.mark.parametrize("n_permutations", [31, 32])
def test_paired_ways_take_one_of_each_seed(n_permutations):
    labels, exact = paired_relabellings(5, n_permutations, np.random.default_rng(0))
    assert exact == (n_permutations == 32)
    assert (labels[:, :5] ^ labels[:, 5:]).all()
    if exact:
        assert len(np.unique(labels, axis=0)) == 32
        assert labels[0, :5].all()


def test_parts_are_the_jackknifes(rng):
    similarity = np.corrcoef(rng.normal(size=(5, 8)))
    mean = lambda chosen: np.mean([similarity[i, j] for i, j in combinations(chosen, 2)])
    expected = [5 * mean(range(5)) - 4 * mean(set(range(5)) - {i}) for i in range(5)]
    np.testing.assert_allclose(parts_in_mean(similarity[None])[0], expected)

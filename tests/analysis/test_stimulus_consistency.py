import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.analysis.stimulus_consistency import rows_compared, stimulus_consistency
from ensemble_rsa.errors import InputError


def by_numpy(rdms):
    """The definition, pair by pair and stimulus by stimulus, in float64."""
    squares = [squareform(rdm.astype(np.float64)) for rdm in rdms]
    values = []
    for i in range(len(squares[0])):
        rows = [np.delete(square[i], i) for square in squares]
        pairs = itertools.combinations(rows, 2)
        values.append(np.mean([np.corrcoef(a, b)[0, 1] ** 2 for a, b in pairs]))
    return np.array(values)


def test_it_is_the_definition_at_every_leading_position(rng):
    rdms = rng.random((2, 3, 4, 45)).astype(np.float32)
    found = stimulus_consistency(rdms)
    assert found.shape == (2, 3, 10)
    for index in np.ndindex(2, 3):
        np.testing.assert_allclose(found[index], by_numpy(rdms[index]), rtol=1e-5)


def test_more_stimuli_than_one_block_holds(rng, monkeypatch):
    rdms = rng.random((3, 190))
    whole = stimulus_consistency(rdms)
    monkeypatch.setattr("ensemble_rsa.numerics._BLOCK_ENTRIES", 3 * 20 * 7)
    np.testing.assert_allclose(stimulus_consistency(rdms), whole, rtol=1e-12)


def test_a_stimulus_that_one_instance_places_elsewhere_is_the_least_consistent(rng):
    patterns = rng.normal(size=(12, 30))
    other = patterns.copy()
    other[7] = rng.normal(size=30)
    found = stimulus_consistency(np.stack([pdist(patterns), pdist(other)]))
    assert found.argmin() == 7


def test_scale_and_offset_of_distances_do_not_matter(rng):
    rdm = rng.random(28)
    np.testing.assert_allclose(stimulus_consistency(np.stack([rdm, 3 * rdm + 1])), 1)


def test_equal_distances_to_all_others_are_refused(rng):
    squares = np.array([squareform(rng.random(10)) for _ in range(2)])
    squares[1, 2], squares[1, :, 2] = 1, 1
    squares[1, 2, 2] = 0
    rdms = np.stack([squareform(square) for square in squares])
    with pytest.raises(InputError, match="stimulus 2 at the same distance from all others"):
        stimulus_consistency(rdms)
    assert np.flatnonzero(np.isnan(rows_compared(rdms, 5))).tolist() == [2]


def test_three_stimuli_are_too_few(rng):
    with pytest.raises(InputError, match="at least 4 stimuli, got 3"):
        stimulus_consistency(rng.random((2, 3)))

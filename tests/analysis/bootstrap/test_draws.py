import numpy as np
import pytest

from ensemble_rsa.analysis.bootstrap.draws import (
    draw_counts,
    paired_permutations,
    permutations,
)


def test_draws_are_uniform_and_add_up():
    counts = draw_counts(np.random.default_rng(0), slice(0, 4000), 5)
    assert (counts.sum(-1) == 5).all()
    # Each count is binomial (5, 1/5): variance 4/5, so the mean of 4,000 is within 5 of 0.014.
    np.testing.assert_allclose(counts.mean(0), 1, rtol=0, atol=5 * np.sqrt(0.8 / 4000))
    assert counts.var() == pytest.approx(0.8, rel=0.05)


def test_drawing_in_parts_is_drawing_at_once():
    whole = draw_counts(np.random.default_rng(3), slice(0, 7), 4)
    generator = np.random.default_rng(3)
    parts = [draw_counts(generator, part, 4) for part in (slice(0, 2), slice(2, 7))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_random_permutations_keep_sizes_and_are_uniform():
    in_a, exact = permutations(3, 4, 34, np.random.default_rng(0))
    assert (exact, in_a.shape) == (False, (34, 7))
    many, _ = permutations(10, 20, 4000, np.random.default_rng(0))
    assert (many.sum(1) == 10).all()
    np.testing.assert_allclose(many.mean(0), 1 / 3, atol=4 * np.sqrt(2 / 9 / 4000))


@pytest.mark.parametrize("n_permutations", [31, 32])
def test_paired_permutations_take_one_instance_of_each_seed(n_permutations):
    in_a, exact = paired_permutations(5, n_permutations, np.random.default_rng(0))
    assert exact == (n_permutations == 32)
    assert (in_a[:, :5] ^ in_a[:, 5:]).all()
    if exact:
        assert len(np.unique(in_a, axis=0)) == 32
        assert in_a[0, :5].all()

import numpy as np
import pytest

from ensemble_rsa.analysis.bootstrap.draws import draw_counts


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

"""The invariances of each distance, on inputs made by hypothesis."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import squareform

from ensemble_rsa.rdm.build import rdm_and_constant_patterns
from ensemble_rsa.rdm.distances import DISTANCES, _within_tolerance
from ensemble_rsa.rdm.sinks import Extremes

pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.arrays.ReadingWarning")  # stacks

SHAPE = N_STIMULI, N_UNITS = 6, 5
# Small integers: scaled by powers of two, shifted and permuted they stay exact, so that results may
# be held to the rounding of float32.
patterns = hnp.arrays(np.float64, SHAPE, elements=st.integers(-8, 8).map(float))
levels = st.integers(-1000, 1000).map(float)
powers_of_two = st.integers(-20, 20).map(lambda k: 2.0**k)
every_distance = pytest.mark.parametrize("distance", DISTANCES)
SCALE_FREE = {"correlation", "cosine", "unit_euclidean"}
fast = settings(max_examples=15, deadline=None)


def rdm_of(activations, distance):
    rdm = rdm_and_constant_patterns(activations, distance)[0]
    assert np.isfinite(rdm).all()
    assert rdm.min() >= 0
    return rdm


def assert_same(activations, expected, distance, atol=1e-6):
    """To a millionth of the largest distance, or of 1: what is promised is ten times as much."""
    atol = atol * max(1.0, expected.max())
    np.testing.assert_allclose(rdm_of(activations, distance), expected, rtol=1e-6, atol=atol)


CLOSE_PAIR = [
    [0, 0, 8, 0, 0],
    [0, 0, 7, 0, 0],
    [0, 3, 0, 0, 0],
    [0] * 5,
    [0, 0, 1, 0, 0],
    [0, 0, -5, 0, 0],
]


@every_distance
@fast
@given(patterns, st.permutations(range(N_STIMULI)), st.permutations(range(N_UNITS)))
@example(np.array(CLOSE_PAIR, np.float64), [*range(N_STIMULI)], [0, 2, 1, 3, 4])
def test_follows_the_order_of_stimuli_and_ignores_that_of_units(
    distance, activations, order, units
):
    permuted = squareform(rdm_of(activations, distance))[np.ix_(order, order)]
    assert_same(activations[np.ix_(order, units)], squareform(permuted), distance)


@every_distance
@fast
@given(patterns, powers_of_two)
def test_common_scale(distance, activations, scale):
    expected = rdm_of(activations, distance) * (1 if distance in SCALE_FREE else scale)
    assert_same(scale * activations, expected, distance, 1e-6 * scale)


@pytest.mark.parametrize("distance", sorted(SCALE_FREE))
@fast
@given(patterns, hnp.arrays(np.float64, (N_STIMULI, 1), elements=powers_of_two))
def test_scale_of_single_patterns_does_not_matter(distance, activations, scales):
    assert_same(scales * activations, rdm_of(activations, distance), distance)


@fast
@given(
    patterns,
    hnp.arrays(np.float64, (N_STIMULI, 1), elements=levels),
    hnp.arrays(np.float64, (1, N_UNITS), elements=levels),
)
def test_levels_of_single_patterns_and_a_pattern_added_to_all(activations, level, added):
    assert_same(activations + level, rdm_of(activations, "correlation"), "correlation")
    assert_same(activations + added, rdm_of(activations, "euclidean"), "euclidean")


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "unit_euclidean", "norm_difference"])
@fast
@given(patterns, st.integers(0, 2**32 - 1))
def test_ignores_a_rotation_of_the_units(distance, activations, seed):
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(N_UNITS, N_UNITS)))
    assert_same(activations @ rotation, rdm_of(activations, distance), distance, 1e-5)


@every_distance
@settings(max_examples=10, deadline=None)
@given(patterns, st.sets(st.integers(1, N_UNITS - 1)))
def test_ignores_how_units_are_divided_into_blocks(distance, activations, cuts):
    blocks = iter(np.split(activations, sorted(cuts), axis=1))
    assert_same(blocks, rdm_of(activations, distance), distance)


@pytest.mark.parametrize(
    ("smallest", "rounding", "form", "kept"),
    [
        # The largest square is 1; a square may be off by ten times the rounding of a product.
        (0.5, 0.9e-6, "half_square", True),
        (0.5, 1.1e-6, "half_square", False),
        (0.0, 0.9e-11, "root", True),  # sqrt(10 * 0.9e-11) = 0.95e-5
        (0.0, 1.1e-11, "root", False),
        (0.01, 1.9e-7, "root", True),  # 10 * 1.9e-7 / (2 * 0.1) = 0.95e-5
        (0.01, 2.1e-7, "root", False),
    ],
)
def test_tolerance_by_hand(smallest, rounding, form, kept):
    squares = Extremes().with_those_of(np.array([smallest, np.nan, 1.0], np.float32))
    assert _within_tolerance(squares, rounding, form) is kept

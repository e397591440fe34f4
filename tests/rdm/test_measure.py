"""Activations that come as a stream of unit blocks; arrays are tested with `compute_rdm`."""

from collections import deque

import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm import measure, squares
from ensemble_rsa.rdm.build import ConstantPatternWarning, compute_rdm, rdm_and_constant_patterns
from ensemble_rsa.rdm.distances import DISTANCES

pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.arrays.ReadingWarning")  # stacks

LEADING, N_STIMULI = (2, 3), 12
CUTS = (3, 200, 201, 700)  # blocks that are narrower and wider than what is worth a call


@pytest.fixture
def activations(rng):
    return rng.normal(size=(*LEADING, N_STIMULI, 900)).astype(np.float32) + 2


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_a_stream_gives_the_rdms_of_the_array(activations, distance, precision):
    stream = (block for block in np.split(activations, CUTS, axis=-1))
    rdms = compute_rdm(stream, distance, precision)
    expected = compute_rdm(activations, distance, "float64")
    assert rdms.dtype == precision
    assert rdms.shape == (*LEADING, N_STIMULI * (N_STIMULI - 1) // 2)
    tolerance = 1e-12 if precision == "float64" else 1e-6
    np.testing.assert_allclose(rdms, expected, rtol=0, atol=tolerance * expected.max())
    assert next(stream, None) is None


def test_jax_blocks_and_other_types(activations):
    first, second, *_ = np.split(activations, CUTS, axis=-1)
    blocks = [jnp.asarray(first), second.astype(np.float64)]
    expected = compute_rdm(np.concatenate([first, second], axis=-1))
    np.testing.assert_allclose(compute_rdm(iter(blocks)), expected, atol=1e-6)


def test_a_pattern_is_constant_only_if_it_is_in_all_blocks(activations):
    activations[:, :, 1] = 0.1
    activations[0, :, 4] = 0.3
    activations[0, 2, 4, -1] = 0.4
    rdms, constant = rdm_and_constant_patterns(iter(np.split(activations, CUTS, axis=-1)))
    assert constant.tolist() == [[2, 2, 1], [1, 1, 1]]
    np.testing.assert_allclose(rdms, rdm_and_constant_patterns(activations)[0], atol=1e-6)
    with pytest.warns(ConstantPatternWarning, match="^8 of 72 patterns are constant"):
        compute_rdm(iter([activations]))


def test_patterns_that_are_silent_at_first(activations):
    activations[:, :, ::2, :300] = 0
    rdms = compute_rdm(iter(np.split(activations, CUTS, axis=-1)))
    np.testing.assert_allclose(rdms, compute_rdm(activations), atol=1e-6)


@pytest.mark.parametrize(("spread", "refused"), [(1e2, False), (1e6, True)])
def test_first_units_too_unlike_all_others_are_refused(rng, spread, refused):
    units = np.geomspace(1, spread, N_STIMULI)[:, None] * rng.normal(size=(N_STIMULI, 300))
    blocks = [units, units[::-1]]
    if refused:
        with pytest.raises(InputError, match="activations: the first units are too unlike the oth"):
            compute_rdm(iter(blocks))
    else:
        expected = compute_rdm(np.concatenate(blocks, axis=1), precision="float64")
        np.testing.assert_allclose(compute_rdm(iter(blocks)), expected, atol=1e-6)


def with_bad(block, value):
    bad = block.copy()
    bad[1, 2, 5, 7] = value
    return bad


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (lambda a: [], "activations: expected at least one block of units, got none"),
        (
            lambda a: [a, a[:, :, 1:]],
            r"activations, block 1: expected shape \(2, 3, 12, 'any number of units'\) as of "
            r"block 0, got \(2, 3, 11, 900\)",
        ),
        (lambda a: [a, a[0]], r"activations, block 1: expected .* got \(3, 12, 900\)"),
        (
            lambda a: [a[..., :9], a[..., :9], with_bad(a, np.nan)],
            r"activations, block 2: .* got 1 NaN or inf, the first at \(1, 2, 5, 7\)",
        ),
        (lambda a: [with_bad(a, np.inf)], "activations, block 0: expected finite numbers"),
        (lambda a: [a[..., :1, :]], "activations, block 0: expected at least 2 stimuli"),
        (lambda a: [1.0, 2.0], "activations, block 0: expected shape"),
        (lambda a: [1e200 * a.astype(float)], "activations.0, 0.: expected patterns shorter than"),
    ],
)
def test_wrong_streams_are_refused_by_block(activations, blocks, message):
    with pytest.raises(InputError, match=message):
        compute_rdm(iter(blocks(activations)))


@pytest.mark.parametrize("stored", ["float32", "int32"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_strips_of_products_give_the_rdms_of_the_whole(activations, distance, stored, monkeypatch):
    whole = (10 * activations).astype(stored)
    whole[..., 1, :] = 3  # a constant pattern
    whole[..., 4, :] = whole[..., 5, :]
    expected, n_constant = rdm_and_constant_patterns(whole, distance, "float64")
    monkeypatch.setattr(measure, "ALWAYS_FIT", 0)
    monkeypatch.setattr(measure, "gram_bytes", lambda: 4 * 3 * N_STIMULI)
    for precision in ("float32", "float64"):
        found, counted = rdm_and_constant_patterns(whole, distance, precision)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * expected.max())
        assert (counted == n_constant).all()


@pytest.mark.parametrize("distance", ["correlation", "euclidean"])
@pytest.mark.parametrize("queued", [squares.QUEUED_BYTES, 1])
def test_threads_compute_the_same(activations, distance, queued, monkeypatch):
    activations[..., 1, :] = 3  # a constant pattern
    expected, n_constant = rdm_and_constant_patterns(activations, distance)
    monkeypatch.setattr(squares, "FEW_STIMULI", 0)
    monkeypatch.setattr(squares, "CHUNK_ELEMENTS", N_STIMULI)
    monkeypatch.setattr(squares, "AT_ONCE", 2)
    monkeypatch.setattr(squares, "QUEUED_BYTES", queued)
    monkeypatch.setattr(squares, "n_cores", lambda: 3)
    lengths = []

    class Waiting(deque):
        def append(self, each):
            super().append(each)
            lengths.append(len(self))

    monkeypatch.setattr(squares, "deque", Waiting)
    found, counted = rdm_and_constant_patterns(activations, distance)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(counted, n_constant)
    assert max(lengths) == (1 if queued == 1 else 6)  # two for each thread

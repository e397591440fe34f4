"""Every way to compute a convolution gives the numbers of XLA's own, forward and backward."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.models import convolution, few_channels, winograd
from ensemble_rsa.models.convolution import CONVOLUTIONS, NHWC, spatial_pads

CASES = [
    ((8, 8), 3, 2, "SAME"),
    ((7, 9), 3, 2, "VALID"),
    ((7, 9), 3, 1, "VALID"),
    ((8, 4), 3, 1, "SAME"),  # tiles of 4 × 4 fit
    ((5, 6), 1, 2, "SAME"),
    ((1, 1), 3, 2, "SAME"),
    ((17, 16), 7, 4, "VALID"),
    ((6, 7), 5, 1, "SAME"),
    ((5, 4), (5, 4), 1, "VALID"),
]
TOLERANCE = 1e-5  # of the largest value


@pytest.fixture(autouse=True)
def tiles_at_any_width(monkeypatch):
    """Few channels and small parts, so that tiny shapes take the paths of large ones."""
    monkeypatch.setattr(convolution, "LEAST_CHANNELS", 1)
    monkeypatch.setattr(winograd, "PART_BYTES", 2 * 4 * 16 * 9 * 5)  # 2 of 5 images


def _operands(rng, size, window, *instances):
    x = rng.normal(size=(5, *size, 3)).astype(np.float32)
    window = window if isinstance(window, tuple) else (window, window)
    kernel = rng.normal(size=(*instances, *window, 3, 5)).astype(np.float32)
    return x, kernel


def _value_and_gradients(way, stride, padding):
    def objective(x, kernel):
        y = CONVOLUTIONS[way](x, kernel, (stride, stride), padding, dimension_numbers=NHWC)
        return (jnp.sin(y) * jnp.arange(y.size).reshape(y.shape)).mean(), y

    gradients = jax.grad(objective, argnums=(0, 1), has_aux=True)
    return lambda x, kernel: gradients(x, kernel)


def _assert_close(got, expected):
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        largest = float(np.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * largest)


@pytest.mark.parametrize(("size", "window", "stride", "padding"), CASES)
def test_all_ways_match_xla(size, window, stride, padding, rng, quickly):
    operands = _operands(rng, size, window)
    tiled = stride == 1 and window == 3  # otherwise Winograd's is the plain convolution
    names = [way for way in CONVOLUTIONS if tiled or way != "winograd"]
    ways = {way: _value_and_gradients(way, stride, padding) for way in names}
    together = quickly(lambda *a: {way: f(*a) for way, f in ways.items()})
    found = together(*operands)
    for way in names:
        _assert_close(found[way], found["xla"])


@pytest.mark.parametrize(
    ("way", "stride"),
    [("plain_gradients", 2), ("winograd", 1), ("patches", 2), ("per_instance", 2)],
)
def test_mapped_over_instances_matches_one_at_a_time(way, stride, rng, quickly):
    x, kernels = _operands(rng, (5, 6), 3, 2)
    one = _value_and_gradients(way, stride, "SAME")

    def mapped(x, kernels):
        def step(carry, x):  # as in training: steps in a loop, instances in a loop within
            return carry, jax.lax.map(lambda kernel: one(x, kernel), kernels)

        looped = jax.lax.scan(step, None, x[None])[1]
        return jax.tree.map(lambda leaf: leaf[0], looped), jax.vmap(one, (None, 0))(x, kernels)

    exact = quickly(_value_and_gradients("xla", stride, "SAME"))
    alone = [exact(x, kernel) for kernel in kernels]
    expected = jax.tree.map(lambda *leaves: np.stack(leaves), *alone)
    for found in quickly(mapped)(x, kernels):
        _assert_close(found, expected)


@pytest.mark.parametrize(("few", "stride"), [(5, 2), (4, 1)])  # 3 channels to 5
def test_few_channels_are_convolved_by_blocks_of_results(few, stride, rng, monkeypatch):
    monkeypatch.setattr(few_channels, "FEW", few)
    monkeypatch.setattr(convolution, "FEW_INPUTS", 0)
    convolve = partial(CONVOLUTIONS["plain_gradients"], window_strides=(1, 1), padding="SAME")
    program = jax.make_jaxpr(convolve)(*_operands(rng, (6, 8), 3))
    assert f"window_strides=({stride}, {stride})" in str(program)


def test_instances_with_maps_of_their_own_have_a_convolution_each(rng):
    """None is in groups, and numbers and gradients are those of each instance alone."""
    _, kernels = _operands(rng, (5, 4), 3, 2)
    x = np.stack([_operands(rng, (5, 4), 3)[0] for _ in kernels])
    one = _value_and_gradients("per_instance", 2, "SAME")
    mapped = jax.jit(jax.vmap(one))
    text = mapped.lower(x, kernels).as_text()
    # forward, and the gradients of maps and kernels, for two instances
    assert text.count("stablehlo.convolution") == 6
    assert "feature_group_count = 2" not in text
    assert "batch_group_count = 2" not in text
    exact = jax.jit(_value_and_gradients("xla", 2, "SAME"))
    alone = [exact(*pair) for pair in zip(x, kernels, strict=True)]
    _assert_close(mapped(x, kernels), jax.tree.map(lambda *leaves: np.stack(leaves), *alone))


def test_tiles_are_not_used_where_they_would_round(rng):
    x, kernel = (jnp.asarray(a, jnp.bfloat16) for a in _operands(rng, (6, 6), 3))
    outputs = [
        CONVOLUTIONS[way](x, kernel, (1, 1), "SAME", dimension_numbers=NHWC)
        for way in ("winograd", "plain_gradients")
    ]
    np.testing.assert_array_equal(*(np.asarray(y, np.float32) for y in outputs))


def test_pads_of_a_strided_window_on_an_even_map():
    # 8 rows, window 3, stride 2: four outputs need 9 rows, so one zero, after the last row
    assert spatial_pads("SAME", (8, 8), (3, 3), 2) == ((0, 1), (0, 1))
    assert spatial_pads("VALID", (8, 8), (3, 3), 1) == ((0, 0), (0, 0))
    assert spatial_pads([(2, 1), (0, 3)], (8, 8), (3, 3), 1) == ((2, 1), (0, 3))

"""Normalisation agrees with Flax's, whose sums and gradients are XLA's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ensemble_rsa.models.normalisation import BatchNorm, GroupNorm

LAYERS = {
    "batch": (BatchNorm, nnx.BatchNorm, {}),
    "group": (GroupNorm, nnx.GroupNorm, {"num_groups": 4}),
}


def _layer(kind, **options):
    layer = kind(8, rngs=nnx.Rngs(0), **options)
    layer.scale[...] = jnp.arange(8) + 0.5
    layer.bias[...] = 0.1 * jnp.arange(8)
    return layer


def _maps(rng, dtype=np.float32):
    return jnp.asarray(3 + 2 * rng.normal(size=(6, 4, 5, 8)), dtype)


@pytest.mark.parametrize("name", LAYERS)
def test_values_gradients_and_statistics_are_those_of_flax(name, rng, quickly):
    own, theirs, options = LAYERS[name]
    x, weights = _maps(rng), _maps(rng)

    def all_of(kind):
        graph, state = nnx.split(_layer(kind, **options))

        def normalise(state, x):
            layer = nnx.merge(graph, state)
            return layer(x), nnx.state(layer)

        def compute(state, x):
            y, back, after = jax.vjp(normalise, state, x, has_aux=True)
            return y, back(weights), after

        return jax.tree.leaves(quickly(compute)(state, x))

    for got, expected in zip(all_of(own), all_of(theirs), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=5e-6 * np.abs(expected).max())


def test_a_batch_is_standardised(rng):
    x = np.asarray(_maps(rng), np.float64)
    expected = (x - x.mean((0, 1, 2))) / x.std((0, 1, 2)) * (np.arange(8) + 0.5)
    y = _layer(BatchNorm)(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(y, expected + 0.1 * np.arange(8), atol=1e-4)


def test_a_group_is_standardised(rng):
    x = np.asarray(_maps(rng), np.float64)
    groups = x.reshape(6, 4, 5, 4, 2)
    mean, sd = (f(groups, (1, 2, 4), keepdims=True) for f in (np.mean, np.std))
    expected = ((groups - mean) / sd).reshape(x.shape) * (np.arange(8) + 0.5)
    y = _layer(GroupNorm, num_groups=4)(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(y, expected + 0.1 * np.arange(8), atol=1e-4)


def test_averages_serve_when_not_training(rng):
    layer, x = _layer(BatchNorm), _maps(rng)
    layer(x)
    mean = 0.1 * np.asarray(x, np.float64).mean((0, 1, 2))  # begins at 0 with momentum 0.9 … 0.99
    layer.eval()
    before = np.asarray(layer.mean[...])
    layer(x + 1)
    np.testing.assert_array_equal(layer.mean[...], before)
    np.testing.assert_allclose(before, mean * (1 - layer.momentum) / 0.1, rtol=1e-4)


def test_other_dtypes_are_left_to_flax(rng):
    x = _maps(rng, jnp.bfloat16)
    for own, theirs, options in LAYERS.values():
        y, expected = (_layer(kind, **options)(x) for kind in (own, theirs))
        np.testing.assert_array_equal(np.asarray(y, np.float32), np.asarray(expected, np.float32))

"""Every way to compute a convolution gives XLA's own numbers, forward and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.models.convolution import CONVOLUTIONS, NHWC, spatial_pads

CASES = [
    ((8, 8), 3, 1, "SAME"),
    ((8, 8), 3, 2, "SAME"),
    ((7, 9), 3, 2, "SAME"),
    ((8, 8), 3, 1, "VALID"),
    ((9, 9), 5, 2, "SAME"),
    ((8, 8), 7, 2, "SAME"),
    ((2, 2), 3, 1, "SAME"),
    ((6, 6), 1, 1, "SAME"),
    ((1, 1), 3, 2, "SAME"),
]
WAYS = [name for name in CONVOLUTIONS if name != "xla"]


def _operands(rng, size, window):
    x = jnp.asarray(rng.normal(size=(4, *size, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(window, window, 3, 5)), jnp.float32)
    return x, kernel


def _value_and_gradients(way, stride, padding, mapped):
    def objective(x, kernel):
        y = CONVOLUTIONS[way](x, kernel, (stride, stride), padding, dimension_numbers=NHWC)
        return (jnp.sin(y) * jnp.arange(y.size).reshape(y.shape)).mean(), y

    gradients = jax.value_and_grad(objective, argnums=(0, 1), has_aux=True)
    if mapped == "alone":
        return jax.jit(gradients)
    if mapped == "vmap":
        return jax.jit(jax.vmap(gradients, (None, 0)))
    return jax.jit(lambda x, kernels: jax.lax.map(lambda kernel: gradients(x, kernel), kernels))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("size", "window", "stride", "padding"), CASES)
def test_matches_xla(way, size, window, stride, padding, rng):
    x, kernel = _operands(rng, size, window)
    (_, y), gradients = _value_and_gradients(way, stride, padding, "alone")(x, kernel)
    (_, expected_y), expected = _value_and_gradients("xla", stride, padding, "alone")(x, kernel)
    np.testing.assert_allclose(y, expected_y, rtol=1e-4, atol=1e-4)
    for got, want in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4 * float(jnp.abs(want).max()))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mapped", ["vmap", "map"])
def test_mapped_over_instances_matches_one_at_a_time(way, mapped, rng):
    x, _ = _operands(rng, (6, 6), 3)
    kernels = jnp.asarray(rng.normal(size=(3, 3, 3, 3, 5)), jnp.float32)
    (_, ys), (dx, dk) = _value_and_gradients(way, 2, "SAME", mapped)(x, kernels)
    alone = _value_and_gradients("xla", 2, "SAME", "alone")
    for i in range(3):
        (_, y), (one_dx, one_dk) = alone(x, kernels[i])
        np.testing.assert_allclose(ys[i], y, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(
            dx[i], one_dx, rtol=1e-3, atol=1e-4 * float(jnp.abs(one_dx).max())
        )
        np.testing.assert_allclose(
            dk[i], one_dk, rtol=1e-3, atol=1e-4 * float(jnp.abs(one_dk).max())
        )


def test_pads_of_a_strided_window_on_an_even_map():
    # 8 rows, window 3, stride 2: four outputs need 9 rows, so one zero, after the last row
    assert spatial_pads("SAME", (8, 8), (3, 3), 2) == ((0, 1), (0, 1))
    assert spatial_pads("VALID", (8, 8), (3, 3), 1) == ((0, 0), (0, 0))
    assert spatial_pads([(2, 1), (0, 3)], (8, 8), (3, 3), 1) == ((2, 1), (0, 3))

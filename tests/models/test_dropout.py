"""Masks depend on key, layer and image; the units that are kept are scaled up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.models.dropout import Dropout, drop_out

KEY = jax.random.key(3)
UNITS = jnp.arange(1.0, 1201.0).reshape(4, 30, 10)


@pytest.fixture(scope="module")
def dropped(quickly):
    """Every case from one program, as arrays on the host."""
    half, one_mask = Dropout(0.5, KEY), Dropout(0.5, KEY, one_mask=True)
    program = quickly(
        lambda x: {
            "three quarters": drop_out(x, Dropout(0.75, KEY), 2),
            "mask": jax.random.bernoulli(jax.random.fold_in(KEY, 2), 0.25, x.shape),
            "none": drop_out(x, Dropout(0.0, KEY), 2),
            "half": drop_out(x, half, 2),
            "one mask": drop_out(x, one_mask, 2),
            "one mask, other layer": drop_out(x, one_mask, 1),
            "parts": jnp.concatenate(
                [drop_out(x[2 * i : 2 * i + 2], Dropout(0.5, KEY, i, 2), 2) for i in (0, 1)]
            ),
        }
    )
    return jax.device_get(program(UNITS))


def test_zeros_by_the_mask_and_the_rest_over_the_share_that_is_kept(dropped):
    expected = np.where(dropped["mask"], np.asarray(UNITS) * 4, 0)
    np.testing.assert_allclose(dropped["three quarters"], expected)
    assert dropped["mask"].mean() == pytest.approx(0.25, abs=0.04)


def test_a_rate_of_0_changes_nothing(dropped):
    np.testing.assert_array_equal(dropped["none"], UNITS)


def test_one_mask_serves_all_images_but_no_other_layer(dropped):
    masks = dropped["one mask"] > 0
    assert masks[0].mean() == pytest.approx(0.5, abs=0.1)
    for other in masks[1:]:
        np.testing.assert_array_equal(masks[0], other)
    assert (masks != (dropped["one mask, other layer"] > 0)).any()


def test_parts_of_a_batch_have_the_masks_of_the_whole(dropped):
    np.testing.assert_array_equal(dropped["parts"], dropped["half"])

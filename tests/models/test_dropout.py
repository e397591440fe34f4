"""Masks hang on key, layer and image; what they leave is scaled up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.models.dropout import Dropout, drop_out

KEY = jax.random.key(3)
ONES = jnp.ones((4, 30, 10))


def kept(dropout: Dropout, x=ONES, layer: int = 2) -> np.ndarray:
    """Which units the mask leaves."""
    return np.asarray(drop_out(x, dropout, layer)) > 0


def test_zeros_by_the_mask_and_the_rest_over_the_share_that_is_kept():
    x = jnp.arange(1.0, 1201.0).reshape(ONES.shape)
    found = np.asarray(drop_out(x, Dropout(0.75, KEY), 2))
    mask = np.asarray(jax.random.bernoulli(jax.random.fold_in(KEY, 2), 0.25, x.shape))
    np.testing.assert_allclose(found, np.where(mask, np.asarray(x) * 4, 0))
    assert mask.mean() == pytest.approx(0.25, abs=0.04)


def test_a_rate_of_0_changes_nothing():
    x = jax.random.normal(KEY, ONES.shape)
    np.testing.assert_array_equal(drop_out(x, Dropout(0.0, KEY), 2), x)


def test_each_image_and_each_layer_has_its_mask():
    masks = kept(Dropout(0.5, KEY))
    assert all((masks[0] != other).any() for other in masks[1:])
    assert (masks != kept(Dropout(0.5, KEY), layer=1)).any()


def test_one_mask_serves_all_images_but_no_other_layer():
    one = Dropout(0.5, KEY, one_mask=True)
    masks = kept(one)
    assert masks[0].mean() == pytest.approx(0.5, abs=0.1)
    for other in masks[1:]:
        np.testing.assert_array_equal(masks[0], other)
    assert (masks != kept(one, layer=1)).any()


def test_a_lower_rate_with_the_same_key_keeps_what_a_higher_one_keeps():
    assert not (kept(Dropout(0.6, KEY)) & ~kept(Dropout(0.2, KEY))).any()


def test_parts_of_a_batch_have_the_masks_of_the_whole():
    whole = kept(Dropout(0.5, KEY))
    parts = [kept(Dropout(0.5, KEY, part, 2), ONES[:2]) for part in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)

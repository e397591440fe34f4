import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.blocks import block_width, open_activations, unit_blocks


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray], ids=["host", "device"])
@pytest.mark.parametrize(("n_units", "width"), [(5, 8), (8, 8), (9, 4), (12, 4), (1, 1)])
def test_blocks_put_together_are_the_instance(rng, kind, n_units, width):
    activations = rng.random((2, 3, 4, n_units), np.float32)
    blocks = list(unit_blocks(kind(activations), (1, 2), width))
    assert {np.shape(block) for block in blocks[:-1]} <= {(4, width)}
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), activations[1, 2])


def test_jax_arrays_on_the_host_are_not_copied():
    activations = jnp.ones((300, 400))
    view = open_activations("activations", activations)
    assert isinstance(view, np.ndarray)
    assert view.ctypes.data == activations.unsafe_buffer_pointer()


def test_opening_does_not_read():
    class Unreadable:
        shape, ndim, dtype = (2, 3, 4), 3, np.dtype("float32")

        def __getitem__(self, key):
            raise AssertionError

    assert isinstance(open_activations("activations", Unreadable()), Unreadable)
    with pytest.raises(InputError, match="activations: expected at least 5 stimuli"):
        open_activations("activations", Unreadable(), min_stimuli=5)


@pytest.mark.parametrize("n_stimuli", [1, 2, 10, 64, 65, 1000, 4097, 10**6])
def test_blocks_are_bounded_and_of_two_widths(n_stimuli):
    widths = {block_width(n_stimuli, n_units) for n_units in (1, 300, 5000, 10**6)}
    assert len(widths) <= 2
    assert all(width & (width - 1) == 0 for width in widths)
    assert max(widths) == 256 or n_stimuli * max(widths) <= 2**22

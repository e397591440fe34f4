from itertools import combinations

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.similarity.kernel import (
    centred_kernels,
    map_pairs,
    nuclear_norms,
    open_groups,
    principal_axes,
)

pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.arrays.ReadingWarning")  # stacks


def exact_kernel(patterns):
    centred = patterns.astype(np.float64) - patterns.astype(np.float64).mean(axis=0)
    return centred @ centred.T / (centred**2).sum()


def kernels(activations, index=()):
    return list(centred_kernels(open_groups(activations, None, 2)[0], index))


def test_kernels_from_any_source_block_by_block(rng, tmp_path, monkeypatch):
    monkeypatch.setattr("ensemble_rsa.similarity.kernel.block_width", lambda n_stimuli, n_units: 16)
    activations = rng.random((2, 3, 20, 70), np.float32)
    expected = [*map(exact_kernel, activations[1])]
    with h5py.File(tmp_path / "layer.h5", "w") as file:
        stored = file.create_dataset("layer", data=activations)
        np.save(tmp_path / "layer.npy", activations)
        mapped = np.load(tmp_path / "layer.npy", mmap_mode="r")
        for source in (activations, stored, mapped):
            np.testing.assert_allclose(kernels(source, (1,)), expected, rtol=0, atol=1e-15)
    networks = [activations[1, 0, :, :33], jnp.asarray(activations[1, 1])]
    np.testing.assert_allclose(kernels(networks)[0], exact_kernel(networks[0]), rtol=0, atol=1e-15)
    np.testing.assert_allclose(kernels(networks)[1], expected[1], rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8, ">f8", bool])
def test_numbers_of_any_kind(rng, dtype):
    activations = rng.integers(0, 3, size=(2, 5, 9)).astype(dtype)
    expected = [exact_kernel(patterns) for patterns in activations]
    np.testing.assert_allclose(kernels(activations), expected, rtol=0, atol=1e-15)


def test_what_all_stimuli_share_costs_no_digits(rng):
    # Both kinds of numbers hold the sum exactly.
    spread = rng.integers(-8, 9, size=(2, 20, 30)).astype(np.float64)
    units = 2.0**40 * np.arange(30)
    np.testing.assert_allclose(kernels(spread + units), kernels(spread), rtol=0, atol=1e-16)


def test_principal_axes_are_a_singular_value_decomposition(rng):
    networks = [rng.normal(size=(12, 30)), rng.normal(size=(12, 4))]
    shares, axes = principal_axes(open_groups(networks, None, 2)[0], ())
    assert axes.shape == (2, 12, 11)
    for k, n_axes in enumerate([11, 4]):
        centred = networks[k] - networks[k].mean(axis=0)
        left, values, _ = np.linalg.svd(centred, full_matrices=False)
        expected = values[:n_axes] ** 2 / (values**2).sum()
        np.testing.assert_allclose(shares[k, :n_axes], expected, atol=1e-14)
        cosines = (left[:, :n_axes] * axes[k, :, :n_axes]).sum(axis=0)
        np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-9)
    assert not shares[1, 4:].any()
    assert not axes[1, :, 4:].any()


def test_nuclear_norms_in_several_batches(rng, monkeypatch):
    monkeypatch.setattr("ensemble_rsa.numerics._BLOCK_ENTRIES", 100)
    ours, theirs = rng.normal(size=(4, 7, 5)), rng.normal(size=(3, 7, 3))
    pairs = np.array([3, 0, 1, 2, 3, 1, 0]), np.array([0, 2, 1, 0, 1, 0, 2])
    expected = [np.linalg.norm(ours[i].T @ theirs[j], "nuc") for i, j in zip(*pairs, strict=True)]
    np.testing.assert_allclose(nuclear_norms(ours, theirs, pairs), expected, rtol=1e-13)


def test_pairs_and_their_places():
    stack = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)

    def names(instances, index):
        return np.array([10 * index[0] + k for k in range(len(instances))])

    def written(ours, theirs, pairs):
        return 100.0 * ours[pairs[0]] + theirs[pairs[1]]

    within = map_pairs(*open_groups(stack, None, 2), names, written)
    expected = [[100 * i + j for i, j in combinations(base + np.arange(3), 2)] for base in (0, 10)]
    assert within.tolist() == expected
    between = map_pairs(*open_groups(stack, stack[:, :2], 2), names, written)
    assert between[1].tolist() == [[1010, 1011], [1110, 1111], [1210, 1211]]


STACK = np.random.default_rng(0).random((2, 4, 3))


@pytest.mark.parametrize(
    ("activations", "others", "message"),
    [
        (STACK[0], None, r"activations: expected shape \(\.\.\., instance, stimulus, unit\), got"),
        (STACK[:1], None, r"activations: expected at least two instances, or others, got one"),
        ([STACK[0]], None, r"activations: expected at least two instances"),
        ([], None, r"activations: expected an array \(stimulus, unit\) per instance, got none"),
        ([STACK, STACK], None, r"activations\[0\]: expected shape \(stimulus, unit\), got"),
        ([STACK[0], STACK[1, :3]], None, r"activations\[1\]: expected 4 stimuli, .* got 3"),
        (STACK[:, :2], None, r"activations: expected at least 3 stimuli"),
        (STACK, STACK[:, :3], r"others: expected the leading axes .*, \(4,\), got \(3,\)"),
        (STACK, STACK[None], r"others: expected the leading axes .*, \(4,\), got \(1, 4\)"),
        (STACK, [["a"]], r"others\[0\]: expected an array, got str"),
        (STACK, 3, r"others: expected shape"),
    ],
)
def test_networks_that_cannot_be_compared(activations, others, message):
    with pytest.raises(InputError, match=message):
        open_groups(activations, others, 3)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (0.1, r"activations\[1, 0\]: expected patterns that differ, got the same pattern"),
        (np.nan, r"activations\[1, 0\]: expected finite numbers, got 12 NaN"),
        (np.inf, r"activations\[1, 0\]: expected finite numbers, got 12 NaN or inf"),
        (1e200 * STACK[0], r"activations\[1, 0\]: expected patterns shorter than 1e150"),
    ],
)
def test_instances_without_a_kernel_are_named(bad, message):
    stack = np.stack([STACK, STACK])
    stack[1, 0] = bad
    with pytest.raises(InputError, match=message):
        kernels(stack, (1,))

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rsatoolbox.data.dataset import Dataset
from rsatoolbox.rdm.calc import calc_rdm
from scipy.spatial.distance import pdist

from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm import gram, measure
from ensemble_rsa.rdm.build import (
    ConstantPatternWarning,
    centroids,
    cocktail_blank,
    compute_rdm,
    rdm_and_constant_patterns,
)
from ensemble_rsa.rdm.distances import DISTANCES, TOLERANCE

pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.arrays.ReadingWarning")  # stacks

MANY, FEW = 130, 12  # stimuli: rounding is measured on some of them, and on all
UNITS = 300  # more than one block of the narrow width


def exact_rdm(activations, distance: str) -> np.ndarray:
    """The distances in float64, pair by pair, by SciPy."""
    patterns = np.asarray(activations, np.float64)
    if distance == "norm_difference":
        return pdist(np.linalg.norm(patterns, axis=1)[:, None])
    if distance == "euclidean":
        return pdist(patterns)
    if distance == "correlation":
        patterns = patterns - patterns.mean(axis=1, keepdims=True)
        patterns = patterns - patterns.mean(axis=1, keepdims=True)
    unit = patterns / np.linalg.norm(patterns, axis=1, keepdims=True)
    # The difference of unit vectors, where 1 - cos would cancel even in float64.
    return pdist(unit) if distance == "unit_euclidean" else pdist(unit, "sqeuclidean") / 2


def assert_close(rdm, expected, tolerance=TOLERANCE):
    """Within a share of the largest distance."""
    np.testing.assert_allclose(rdm, expected, rtol=0, atol=tolerance * expected.max())


INPUTS = {
    "normal": lambda noise: noise,
    "rectified": lambda noise: np.maximum(noise, 0),
    "offset 1e3": lambda noise: noise + 1e3,
    "offset 1e4": lambda noise: noise + 1e4,
    "nearly equal 1e-3": lambda noise: noise[0] + 1e-3 * noise,
    "nearly equal 1e-4": lambda noise: noise[0] + 1e-4 * noise,
    "one near copy": lambda noise: np.vstack([noise, noise[3] + 1e-3 * noise[7]]),
    "clusters": lambda noise: noise[np.arange(len(noise)) % 5] + 0.01 * noise,
    "norms over 1e6": lambda noise: noise * np.geomspace(1, 1e6, len(noise))[:, None],
    "one norm of 1e6": lambda noise: np.vstack([noise, 1e6 * noise[0]]),
    "two units": lambda noise: noise[:, :2],
    "many units": lambda noise: np.tile(noise, 5) ** 2,
    "huge": lambda noise: 1e30 * noise,
    "tiny": lambda noise: 1e-30 * noise,
}


@pytest.mark.parametrize("n_stimuli", [FEW, MANY])
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("distance", DISTANCES)
def test_accuracy_is_as_documented(rng, distance, kind, n_stimuli):
    activations = INPUTS[kind](rng.normal(size=(n_stimuli, UNITS))).astype(np.float32)
    expected = exact_rdm(activations, distance)
    tolerance = TOLERANCE * expected.max()
    if distance == "norm_difference":
        tolerance = 1e-6 * np.linalg.norm(activations.astype(np.float64), axis=1).max()
    rdm = compute_rdm(activations, distance)
    assert isinstance(rdm, np.ndarray)
    assert rdm.dtype == np.float32
    np.testing.assert_allclose(rdm, expected, rtol=0, atol=tolerance)
    assert float(rdm.min()) >= 0


@pytest.mark.parametrize("kind", ["offset", "nearly equal"])
@pytest.mark.parametrize("distance", ["correlation", "cosine", "euclidean", "unit_euclidean"])
def test_float64_input_is_not_rounded_first(rng, distance, kind):
    noise = rng.normal(size=(MANY, UNITS))
    activations = 1e7 + noise if kind == "offset" else rng.normal(size=UNITS) + 1e-6 * noise
    assert_close(compute_rdm(activations, distance), exact_rdm(activations, distance))


@pytest.mark.parametrize(
    "dtype",
    [bool, np.int8, np.uint8, np.int32, np.int64, np.float16, jnp.bfloat16, ">f4", np.longdouble],
)
def test_takes_any_real_dtype(rng, dtype):
    activations = (rng.normal(size=(FEW, 40)) > 0).astype(dtype)
    expected = exact_rdm(activations.astype(np.float64), "euclidean")
    for given in (activations, jnp.asarray(activations.astype(float)), activations.tolist()):
        np.testing.assert_allclose(compute_rdm(given, "euclidean"), expected, rtol=1e-5)


def test_reads_memory_maps_hdf5_and_zarr_block_by_block(rng, tmp_path: Path):
    activations = rng.normal(size=(2, FEW, 10_000)).astype(np.float32)
    np.save(tmp_path / "a.npy", activations)
    expected = [exact_rdm(one, "correlation") for one in activations]

    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    np.testing.assert_allclose(compute_rdm(mapped), expected, atol=1e-5)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        stored = file.create_dataset("activations", data=activations)
        np.testing.assert_allclose(compute_rdm(stored), expected, atol=1e-5)
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "a.zarr", data=activations, chunks=(1, FEW, 3000))
    np.testing.assert_allclose(compute_rdm(array), expected, atol=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
def test_leading_axes_are_independent_problems(rng, distance):
    activations = rng.normal(size=(2, 3, FEW, 20))
    rdms = compute_rdm(activations, distance)
    assert rdms.shape == (2, 3, FEW * (FEW - 1) // 2)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_allclose(rdms[i, j], exact_rdm(activations[i, j], distance), atol=1e-4)


@pytest.mark.parametrize("method", ["correlation", "euclidean"])
def test_agrees_with_rsatoolbox(rng, method):
    activations = rng.normal(size=(MANY, 50))
    theirs: Any = calc_rdm(Dataset(activations), method=method)
    expected = theirs.dissimilarities[0]
    if method == "euclidean":  # rsatoolbox's is squared and divided by the number of units
        expected = np.sqrt(expected * 50)
    assert_close(compute_rdm(activations, method), expected)


@pytest.mark.parametrize("n_stimuli", [4, MANY])
@pytest.mark.parametrize(
    ("distance", "set_to"), [("correlation", 1.0), ("cosine", 1.0), ("unit_euclidean", 2**0.5)]
)
def test_patterns_without_direction(rng, distance, set_to, n_stimuli):
    activations = rng.normal(size=(n_stimuli, 20)).astype(np.float32)
    activations[1] = 0.1 if distance == "correlation" else 0.0
    activations[3] = 0.0
    directed = np.delete(activations, [1, 3], axis=0)

    with pytest.warns(ConstantPatternWarning, match=f"^2 of {n_stimuli} patterns"):
        rdm = compute_rdm(activations, distance)

    rows, columns = np.triu_indices(n_stimuli, 1)
    undirected = np.isin(rows, [1, 3]) | np.isin(columns, [1, 3])
    np.testing.assert_array_equal(rdm[undirected], np.float32(set_to))
    np.testing.assert_allclose(rdm[~undirected], exact_rdm(directed, distance), atol=1e-5)


def test_one_unit_is_constant_for_correlation_only():
    activations = [[[1.0], [3.0]], [[2.0], [2.0]]]
    rdm, constant = rdm_and_constant_patterns(activations, "correlation")
    assert constant.tolist() == [2, 2]
    np.testing.assert_array_equal(rdm, 1)
    rdm, constant = rdm_and_constant_patterns(np.full((MANY, 3), 5.0), "correlation")
    assert int(constant) == MANY
    np.testing.assert_array_equal(rdm, 1)
    for distance in ("euclidean", "norm_difference"):
        np.testing.assert_array_equal(compute_rdm(activations, distance), [[2.0], [0.0]])


def test_constant_patterns_are_counted_per_instance(rng):
    activations = rng.normal(size=(3, 5, 4))
    activations[0, :2] = 1.0
    activations[2, 4] = 0.0
    undirected = {"correlation": [2, 0, 1], "cosine": [0, 0, 1], "unit_euclidean": [0, 0, 1]}
    for distance in DISTANCES:
        expected = undirected.get(distance, [0, 0, 0])
        assert rdm_and_constant_patterns(activations, distance)[1].tolist() == expected


@pytest.mark.parametrize("distance", DISTANCES)
def test_identical_patterns_have_distance_zero(distance):
    activations = np.tile(np.float32([0.1, 0.7, 0.3]), (MANY, 1))
    np.testing.assert_allclose(compute_rdm(activations, distance), 0, atol=1e-12)


def test_coarse_products_are_noticed_and_made_again(rng, monkeypatch):
    """As on a device that rounds the factors of a product to fewer bits than it was asked for."""
    exact_products = gram.add_products

    def coarse_products(sums, rows):
        if sums.dtype == np.float32:
            rows = rows.astype(jnp.bfloat16).astype(np.float32)
        exact_products(sums, rows)

    activations = rng.normal(size=(131, 40)).astype(np.float32)
    monkeypatch.setattr(gram, "add_products", coarse_products)
    rdm = compute_rdm(activations)
    rounded = compute_rdm(activations, precision="tensorfloat32")
    expected = exact_rdm(activations, "correlation")
    np.testing.assert_allclose(rdm, expected, atol=1e-5)
    # The one option that takes what the device gives, and the check that this was coarse indeed.
    assert 1e-4 < np.abs(rounded - expected).max() < 1e-2


@pytest.mark.parametrize("n_stimuli", [FEW, MANY])
@pytest.mark.parametrize("distance", DISTANCES)
def test_float64_is_float64(rng, distance, n_stimuli):
    activations = rng.normal(size=(n_stimuli, UNITS)) + 3
    rdm = compute_rdm(activations, distance, precision="float64")
    assert isinstance(rdm, np.ndarray)
    assert rdm.dtype == np.float64
    assert_close(rdm, exact_rdm(activations, distance), 1e-12)
    assert not jax.config.jax_enable_x64


def test_float64_outlasts_close_patterns(rng):
    noise = rng.normal(size=(MANY, UNITS))
    activations = noise[0] + 1e-6 * noise
    rdm = compute_rdm(activations, "unit_euclidean", precision="float64")
    assert_close(rdm, exact_rdm(activations, "unit_euclidean"), 1e-8)


def test_tensorfloat32_is_float32_without_an_accelerator(rng):
    activations = rng.normal(size=(MANY, UNITS)).astype(np.float32)
    coarse = compute_rdm(activations, precision="tensorfloat32")
    if jax.default_backend() == "cpu":
        np.testing.assert_array_equal(coarse, compute_rdm(activations))
    np.testing.assert_allclose(coarse, exact_rdm(activations, "correlation"), atol=1e-2)


UNLIKE_THE_SAMPLE = {
    "silent at first": lambda noise, places: np.where(places, 0, noise),
    "loud at first": lambda noise, places: np.where(places, 1e3 * noise, noise),
    "one level at first": lambda noise, places: np.where(places, 50 + 0 * noise, noise),
    "silent but there": lambda noise, places: np.where(places, noise, 0),
    "most of it tiny": lambda noise, places: np.where(places, 1e-30 * noise, 1e6 * noise),
}


@pytest.mark.parametrize("kind", UNLIKE_THE_SAMPLE)
@pytest.mark.parametrize("distance", DISTANCES)
def test_units_unlike_those_that_the_frame_is_from(rng, distance, kind):
    noise = rng.normal(size=(MANY, 1100))
    starts = [place * (1100 - 64) // 7 for place in range(8)]
    places = np.isin(np.arange(1100), np.add.outer(starts, np.arange(64)))
    few = np.arange(MANY)[:, None] % 3 == 0
    activations = np.where(few, UNLIKE_THE_SAMPLE[kind](noise, places), noise).astype(np.float32)
    assert_close(compute_rdm(activations, distance), exact_rdm(activations, distance))


def test_float32_is_kept_for_ordinary_activations(rng, monkeypatch):
    """The fallback to float64 is for the rest: it would hide what float32 does not manage."""
    products = []
    begin = measure.begin
    monkeypatch.setattr(measure, "begin", lambda *given: products.append(given[4]) or begin(*given))
    for distance in ("correlation", "cosine", "euclidean", "unit_euclidean"):
        compute_rdm(np.maximum(rng.normal(size=(MANY, UNITS)), 0).astype(np.float32), distance)
    assert set(products) == {np.float32}


def test_input_is_not_changed(rng):
    activations = rng.normal(size=(3, 4)).astype(np.float32)
    before = activations.copy()
    activations.flags.writeable = False
    for distance in DISTANCES:
        compute_rdm(activations, distance)
    cocktail_blank(activations)
    centroids(activations, [0, 1, 0])
    np.testing.assert_array_equal(activations, before)


FUNCTIONS = {
    **{distance: partial(compute_rdm, distance=distance) for distance in DISTANCES},
    "cocktail_blank": cocktail_blank,
    "centroids": partial(centroids, labels=np.arange(70) % 4),
}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_nan_and_infinity_are_refused_with_their_place(rng, function, bad):
    activations = rng.normal(size=(2, 70, 5)).astype(np.float32)
    activations[1, 4, 2] = bad
    with pytest.raises(InputError, match=r"activations.*expected finite.*got 1 NaN or inf.*4, 2\)"):
        FUNCTIONS[function](activations)


@pytest.mark.parametrize("option", ["precision", "distance"])
def test_unknown_names_are_refused_with_the_choices(option):
    with pytest.raises(InputError, match=f"{option}: unknown 'half'; choose from .*, [a-z]"):
        compute_rdm(np.eye(3), **{option: "half"})


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        (np.zeros(3), r"activations: expected shape \(\.\.\., stimulus, unit\), got \(3,\)"),
        (np.zeros((4, 0)), "activations: .*no empty axis"),
        (np.zeros((1, 4)), r"activations: expected at least 2 stimuli, got shape \(1, 4\)"),
        (np.zeros((2, 4), complex), "activations: expected real numbers .*, got dtype complex128"),
        ([["a"], ["b"]], "activations: expected an array, got str"),
        ([[1.0, 2.0], [3.0]], "activations: .* lists of one shape in a list, got"),
        (1e200 * np.eye(3), "activations: expected patterns shorter than 1e.38"),
        (1e39 * np.eye(MANY), "activations: expected patterns shorter than 1e.38"),
    ],
)
def test_wrong_activations_are_refused(activations, message):
    with pytest.raises(InputError, match=message):
        compute_rdm(activations)


def test_lengths_whose_squares_float64_cannot_hold_have_a_direction(rng):
    activations = rng.normal(size=(FEW, 8))
    rdm = compute_rdm(1e-200 * activations)
    np.testing.assert_allclose(rdm, exact_rdm(activations, "correlation"), atol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("dtype", [bool, np.int64, np.float16, np.float32, np.float64])
def test_cocktail_blank_subtracts_unit_means(rng, offset, dtype):
    activations = (10 * rng.random(size=(2, 30, 7)) + offset * np.arange(7)).astype(dtype)
    exact = activations.astype(np.float64)
    blanked = cocktail_blank(activations)
    assert blanked.dtype == np.float32
    np.testing.assert_allclose(blanked, exact - exact.mean(axis=1, keepdims=True), atol=1e-6)


def test_centroids_average_patterns_in_sorted_label_order(rng):
    activations = (rng.normal(size=(2, 9, 700)) + 1e4).astype(np.float32)
    labels = np.array(["cat", "dog", "ape"] * 3)
    for place, label in enumerate(("ape", "cat", "dog")):
        expected = activations[:, labels == label].mean(axis=1, dtype=np.float64)
        found = centroids(activations, labels)[:, place]
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_centroids_refuse_labels_of_another_length():
    with pytest.raises(InputError, match="labels: expected one label for each of 3 stimuli"):
        centroids(np.eye(3), [0, 1])

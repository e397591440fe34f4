"""Arrays that can be read in several ways: a warning says how, a name or a flag decides."""

import h5py
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist

import ensemble_rsa as ersa
from ensemble_rsa.analysis.bootstrap.centroids import bootstrap_centroid_consistency
from ensemble_rsa.arrays import ReadingWarning
from ensemble_rsa.errors import InputError
from ensemble_rsa.similarity import cka

MAPS = np.random.default_rng(0).normal(size=(6, 4, 4, 3))  # (stimulus, height, width, channel)
PATTERNS = MAPS.reshape(6, -1)
LABELS = list("aabbcc")
NAMED = xr.DataArray(MAPS, dims=("stimulus", "y", "x", "channel"))


@pytest.mark.parametrize(
    "maps",
    [MAPS, jnp.asarray(MAPS), MAPS.tolist(), np.asfortranarray(MAPS), NAMED, NAMED.T],
)
def test_maps_are_flattened_where_asked_for(maps):
    expected = pdist(PATTERNS, "euclidean")
    found = ersa.compute_rdm(maps, "euclidean", flatten=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    means = [PATTERNS[2 * k : 2 * k + 2].mean(0) for k in range(3)]
    order = slice(None)
    if isinstance(maps, xr.DataArray) and maps.dims[0] != "stimulus":  # units in another order
        order = np.arange(48).reshape(4, 4, 3).T.ravel()
    means = np.array(means)[:, order]
    np.testing.assert_allclose(ersa.centroids(maps, LABELS, flatten=True), means, atol=1e-6)
    blank = (PATTERNS - PATTERNS.mean(0))[:, order]
    np.testing.assert_allclose(ersa.cocktail_blank(maps, flatten=True), blank, atol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda maps, labels: ersa.compute_rdm(maps),
        lambda maps, labels: ersa.cocktail_blank(maps),
        ersa.centroids,
        lambda maps, labels: cka.linear_cka(maps),
        lambda maps, labels: bootstrap_centroid_consistency(maps, labels, n_resamples=5),
    ],
)
@pytest.mark.parametrize(("maps", "labels"), [(MAPS, list("aabc")), (NAMED, LABELS)])
def test_four_axes_without_names_are_read_with_a_warning(function, maps, labels):
    read = r"activations: shape \(\d, \d, \d, \d\) is read as \(\.\.\., stimulus, unit\), so as"
    with pytest.warns(ReadingWarning, match=read):
        function(maps, labels)


def test_names_and_flatten_false_decide_without_a_warning():
    stack = xr.DataArray(MAPS, dims=("layer", "instance", "stimulus", "unit"))
    expected = [[pdist(patterns) for patterns in layer] for layer in MAPS]
    for found in (
        ersa.compute_rdm(stack, "euclidean"), ersa.compute_rdm(MAPS, "euclidean", flatten=False)
    ):  # fmt: skip
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_maps_of_several_instances_are_flattened_by_extract():
    maps = np.stack([MAPS, MAPS**2])
    expected = ersa.extract({"V1": maps.reshape(2, 6, -1)})
    named = xr.DataArray(maps, dims=("instance", "stimulus", "y", "x", "channel"))
    for given in (maps, named, named.transpose("stimulus", "y", "instance", "x", "channel")):
        found = ersa.extract({"V1": given}, flatten=True)
        np.testing.assert_allclose(found.exemplar, expected.exemplar, atol=1e-6)
    with pytest.raises(InputError, match=r"got \(2, 6, 4, 4, 3\); flatten=True makes units of all"):
        ersa.extract({"V1": maps})


@pytest.mark.usefixtures("unchecked_annotations")
def test_flatten_is_true_or_false():
    for function, given in ((ersa.compute_rdm, MAPS), (ersa.extract, {"V1": MAPS})):
        with pytest.raises(InputError, match="flatten: expected True or False, got 'yes'"):
            function(given, flatten="yes")


def test_a_data_set_of_matlab_is_read_as_it_lies_in_the_file_with_a_warning(tmp_path):
    with h5py.File(tmp_path / "v73.mat", "w") as file:
        stored = file.create_dataset("activations", data=PATTERNS.T)
        stored.attrs["MATLAB_class"] = np.bytes_("double")
        with pytest.warns(ReadingWarning, match=r"shape \(48, 6\) is read as .* shows \(6, 48\)"):
            found = ersa.compute_rdm(stored, "euclidean")
        np.testing.assert_allclose(found, pdist(PATTERNS.T), rtol=1e-5)
        found = ersa.compute_rdm(stored[()].T, "euclidean")
        np.testing.assert_allclose(found, pdist(PATTERNS), rtol=1e-5)


def test_batches_of_stimuli_are_not_taken_for_blocks_of_units_in_silence():
    batches = [PATTERNS[:3], PATTERNS[3:]]
    with pytest.warns(ReadingWarning, match=r"2 blocks of shape \(3, 48\) are read as 48 un"):
        found = ersa.compute_rdm(iter(batches), "euclidean")
    np.testing.assert_allclose(found, pdist(np.hstack(batches)), rtol=1e-5)
    with pytest.raises(InputError, match="block 1: .*; concatenate batches of stimuli first"):
        ersa.compute_rdm(iter([PATTERNS[:4], PATTERNS[4:]]))
    # Blocks of units, by the names of their dimensions or by their unequal widths.
    named = (xr.DataArray(part, dims=("stimulus", "unit")) for part in np.hsplit(PATTERNS, 2))
    for blocks in (named, iter(np.hsplit(PATTERNS, [20]))):
        found = ersa.compute_rdm(blocks, "euclidean")
        np.testing.assert_allclose(found, pdist(PATTERNS), rtol=1e-5)


def test_flattening_keeps_sets_of_stimuli_that_are_named():
    several = xr.DataArray(
        np.stack([MAPS, MAPS[::-1]]), dims=("instance", "stimulus", "y", "x", "channel")
    )
    expected = [pdist(PATTERNS), pdist(PATTERNS[::-1])]
    found = ersa.compute_rdm(several.transpose("y", ...), "euclidean", flatten=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_maps_in_an_iterator_are_named():
    with pytest.raises(InputError, match="flatten: expected False for an iterator"):
        ersa.compute_rdm(iter([MAPS]), flatten=True)
    with pytest.warns(ReadingWarning, match=r"shape \(6, 4, 4, 2\) is read as"):
        ersa.compute_rdm(iter([MAPS[..., :2], MAPS[..., 2:]]))


def test_dimensions_with_names_of_their_own_are_read_by_position_with_a_warning():
    rows = xr.DataArray(MAPS[..., 0], dims=("stimulus", "y", "x"))
    with pytest.warns(ReadingWarning, match="4 sets of 6 stimuli and 4 units"):
        ersa.compute_rdm(rows)
    with pytest.warns(ReadingWarning, match=r"\('y', 'stimulus', 'x'\) are read as \(instance"):
        ersa.extract({"V1": rows.transpose("y", "stimulus", "x")})

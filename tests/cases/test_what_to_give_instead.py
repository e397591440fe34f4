"""What is no array is refused with what to give instead."""

import jax
import numpy as np
import pytest
import scipy.sparse
import xarray as xr

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError

MATRIX = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("rdms.h5", "open the file and give its array"),
        ({"V1": MATRIX}, "give one of its values"),
        (xr.Dataset({"V1": ("x", [1.0])}), "give one of its variables"),
        (scipy.sparse.dok_array(MATRIX), "give a dense one"),
        (
            [MATRIX, MATRIX[:, :2]],
            r"got \(4, 2\), \(4, 3\); give those of unequal width one",
        ),
        ([MATRIX[:3].tolist(), MATRIX], r"one shape in a list, got \(3, 3\), \(4, 3\)"),
    ],
)
def test_advice(value, advice):
    with pytest.raises(InputError, match=f"activations: .*{advice}"):
        ersa.compute_rdm(value)


@pytest.mark.usefixtures("unchecked_annotations")
def test_objects_of_rsatoolbox_name_the_converter_or_the_array():
    rsatoolbox = pytest.importorskip("rsatoolbox")
    rdms, data = rsatoolbox.rdm.RDMs(np.ones((2, 3))), rsatoolbox.data.Dataset(MATRIX)
    converter = r"\.dissimilarities.*ensemble_rsa\.interop\.from_rsatoolbox"
    for call in (ersa.consistency, ersa.analyze):
        with pytest.raises(InputError, match=f"rdms: .*{converter}"):
            call(rdms)
    for given in (data, [data, data]):
        with pytest.raises(InputError, match=r"activations: .*Dataset; give .*\.measurements"):
            ersa.compute_rdm(given)


def test_a_traced_array_is_refused():
    with pytest.raises(InputError, match="activations: .*call it outside jax.jit"):
        jax.jit(ersa.compute_rdm)(MATRIX)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": ["cosine"]}, r"distance: unknown \['cosine'\]; choose from correlation"),
        ({"distance": None}, "distance: unknown None; choose from correlation"),
        ({"precision": np.float64}, "precision: unknown .*; choose from float32"),
    ],
)
def test_names_of_another_type_are_refused_with_the_choices(changes, message):
    with pytest.raises(InputError, match=message):
        ersa.compute_rdm(MATRIX, **changes)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("seed", [None, 1.0, "1", True, 2**40])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InputError, match="seed: expected a whole number of 32 bits, got "):
        ersa.mds([3.0, 4.0, 5.0], n_init=1, seed=seed)


@pytest.mark.usefixtures("unchecked_annotations")
def test_flags_are_true_or_false():
    with pytest.raises(InputError, match="paired: expected True or False, got 'no'"):
        ersa.compare_groups(MATRIX, MATRIX, paired="no")


@pytest.mark.usefixtures("unchecked_annotations")
def test_settings_of_an_analysis_and_names_of_layers_are_checked():
    source = {"V1": np.random.default_rng(0).random((2, 4, 3))}
    with pytest.raises(InputError, match="settings: expected an AnalysisConfig.*got 'cosine'"):
        ersa.extract(source, settings="cosine")
    with pytest.raises(InputError, match=r"layers: expected a list .*got 'V1'; give \['V1'"):
        ersa.extract(source, layers="V1")


def test_masked_entries_of_dask_are_refused_as_those_of_numpy():
    dask = pytest.importorskip("dask.array")
    masked = np.ma.masked_equal(
        np.where(np.eye(6, 8), -9999.0, np.arange(48.0).reshape(6, 8)), -9999
    )
    with pytest.raises(InputError, match="got 6 NaN or inf"):
        ersa.compute_rdm(dask.from_array(masked, chunks=3))

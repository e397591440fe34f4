"""The public interface: names, documentation, a light import, array-likes and error messages."""

import dataclasses
import inspect
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from scipy.spatial.distance import squareform

import ensemble_rsa as ersa

PROMISED = {
    "DISTANCES", "compute_rdm", "cocktail_blank", "centroids", "consistency",
    "within_category_consistency", "category_clustering_index", "bootstrap_consistency",
    "random_category_consistency", "mds", "train", "extract", "analyze", "analysis", "interop",
    "rdm", "similarity", "ExecutionConfig", "sweep", "Run", "load_rdms", "compare_runs",
    "from_files", "from_networks", "import_run", "export", "check_networks",
}  # fmt: skip
FUNCTIONS = sorted(name for name in ersa.__all__ if inspect.isfunction(getattr(ersa, name)))
LABELS = list("aabbcc")


def test_the_public_names():
    assert len(ersa.__all__) == len(set(ersa.__all__)) <= 60
    assert set(ersa.__all__) >= PROMISED
    assert set(dir(ersa)) >= set(ersa.__all__)
    assert list(ersa.DISTANCES) == [
        "correlation", "cosine", "euclidean", "unit_euclidean", "norm_difference",
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(ersa.__all__) - {"DISTANCES"}))
def test_every_name_is_documented_and_functions_their_arguments_and_errors(name):
    text = inspect.getdoc(getattr(ersa, name))
    assert len(text.split()) > 5
    if name in FUNCTIONS:
        described = text.split("Args:")[1]
        assert all(each in described for each in inspect.signature(getattr(ersa, name)).parameters)
        assert "Raises:" in text


def test_the_import_is_light_and_configurations_take_no_device():
    program = """
import sys
import ensemble_rsa
assert ensemble_rsa.__version__
heavy = {"jax", "jaxlib", "flax", "optax", "matplotlib", "tensorflow_datasets", "xarray", "numpy"}
print(sorted(heavy & set(sys.modules)))
import jax
ensemble_rsa.Config(), ensemble_rsa.DISTANCES, ensemble_rsa.train, ensemble_rsa.compute_rdm
print(jax._src.xla_bridge._backends)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout == "[]\n{}\n", ended.stderr


def activations() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 6, 8))


def rdms() -> np.ndarray:
    return np.random.default_rng(1).random((3, 15))


# Each function of arrays: a sound input, and the call.
CALLS = {
    "compute_rdm": (activations, ersa.compute_rdm),
    "layer_identification": (rdms, lambda r: ersa.layer_identification([r, rdms() ** 2])),
    "calibrated_similarity": (rdms, lambda r: ersa.calibrated_similarity([r, rdms() ** 2])),
    "noise_covariance": (activations, lambda a: ersa.noise_covariance(a, method="diag")),
    "cocktail_blank": (activations, ersa.cocktail_blank),
    "centroids": (activations, lambda a: ersa.centroids(a, LABELS)),
    "consistency": (rdms, ersa.consistency),
    "within_category_consistency": (rdms, lambda r: ersa.within_category_consistency(r, LABELS)),
    "category_clustering_index": (rdms, lambda r: ersa.category_clustering_index(r, LABELS)),
    "bootstrap_consistency": (rdms, lambda r: ersa.bootstrap_consistency(r, n_resamples=9)),
    "consistency_between": (rdms, lambda r: ersa.consistency_between(r, rdms()[:2])),
    "compare_groups": (rdms, lambda r: ersa.compare_groups(r, rdms() ** 2, n_permutations=9)),
    "plan": (rdms, lambda r: ersa.plan(r, instances=[3], stimuli=[6]).consistency.values),
    "stimulus_consistency": (rdms, ersa.stimulus_consistency),
    "second_level_distances": (rdms, ersa.second_level_distances),
    "noise_ceiling": (rdms, ersa.noise_ceiling),
    "evaluate": (rdms, lambda r: ersa.evaluate(r, rdms() ** 2, over="instances")),
    "mds": (rdms, lambda r: ersa.mds(r, n_init=1, max_iter=3)),
    "random_category_consistency": (
        activations,
        lambda a: ersa.random_category_consistency(a, LABELS, n_draws=2),
    ),
    "extract": (activations, lambda a: ersa.extract({"V1": a}, LABELS)),
}


def test_every_function_of_arrays_is_in_the_table():
    of_runs = {
        "train", "analyze", "load_run", "analyze_run", "compare_runs", "load_rdms", "sweep",
        "from_files", "from_networks", "import_run", "export", "check_networks", "plan_run",
        "extend_run", "evaluate_run", "load_reference", "from_run", "preset", "vary",
        "data_from_arrays",  # of images
        "crossed_variance_components",  # of four instances at least
    }  # fmt: skip
    assert set(CALLS) == set(FUNCTIONS) - of_runs


def numbers(result) -> list[np.ndarray]:
    """All arrays of a result, in order."""
    if isinstance(result, xr.Dataset):
        return [result[name].values for name in ("exemplar", "centroid")]
    if dataclasses.is_dataclass(result):
        fields = (getattr(result, field.name) for field in dataclasses.fields(result))
        return [each for field in fields for each in numbers(field)]
    if isinstance(result, tuple):  # names
        return []
    return [np.asarray(result, np.float64)]


CONTAINERS = {
    "jax": jnp.asarray,
    "nested lists": np.ndarray.tolist,
    "list of tables": lambda a: [pd.DataFrame(x) for x in a] if a.ndim == 3 else pd.DataFrame(a),
    "zarr": zarr.array,
    "fortran": np.asfortranarray,
    "masked array": np.ma.masked_array,
    "by name": lambda a: xr.DataArray(
        a.T, dims=("unit", "stimulus", "instance") if a.ndim == 3 else ("stimulus_pair", "instance")
    ),
    "square": lambda a: a if a.ndim == 3 else np.array([squareform(rdm) for rdm in a]),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_container_gives_the_numbers_of_numpy_and_is_left_alone(name):
    make, function = CALLS[name]
    given = make()
    given.flags.writeable = False  # writing would raise
    expected = numbers(function(given))
    for container, convert in CONTAINERS.items():
        for ours, plain in zip(numbers(function(convert(given))), expected, strict=True):
            np.testing.assert_allclose(ours, plain, rtol=0, atol=2e-5, err_msg=container)


def test_rdms_from_extract_go_into_every_function_of_rdms():
    rdms = ersa.extract({"V1": activations(), "V2": activations()}, LABELS)
    for name in ("exemplar", "centroid"):
        stack = rdms[name]
        np.testing.assert_allclose(
            ersa.bootstrap_consistency(stack, over="pairs", n_resamples=9).mean,
            ersa.consistency(stack.values).mean(-1),
        )
        ersa.second_level_distances(stack.stack(rdm=("layer", "instance")))
        ersa.compare_groups(stack, stack**2, n_permutations=9)
    ersa.bootstrap_consistency(rdms.exemplar, over="stimuli", n_resamples=9)
    ersa.category_clustering_index(rdms.exemplar, rdms.category)
    with pytest.raises(ersa.InputError, match="give one of its variables"):
        ersa.consistency(rdms)


def with_an_axis_less(name, given):
    takes_one_rdm = name in ("mds", "category_clustering_index")
    return given[0, 0] if given.ndim == 3 or takes_one_rdm else given[0]


def with_last(number):
    return lambda name, given: np.append(given.ravel()[:-1], number).reshape(given.shape)


WRONG = {
    "NaN": with_last(np.nan),
    "infinite": with_last(np.inf),
    "axes": with_an_axis_less,
    "words": lambda name, given: np.full(given.shape, "word"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", CALLS)
def test_wrong_arrays_are_refused_with_what_was_expected(name, wrong):
    make, function = CALLS[name]
    with pytest.raises(ersa.InputError, match=r"expected|condensed") as caught:
        function(WRONG[wrong](name, make()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "centroids", "within_category_consistency", "category_clustering_index",
        "random_category_consistency", "extract",
    ],
)  # fmt: skip
def test_labels_of_another_length_are_refused(name, monkeypatch):
    make, function = CALLS[name]
    monkeypatch.setattr(sys.modules[__name__], "LABELS", list("aabbc"))
    with pytest.raises(ersa.InputError, match="labels: expected one label for each of 6 stimuli"):
        function(make())

"""What `import ensemble_rsa` promises: names, documentation, a light import, and clear refusals."""

import inspect
import itertools
import subprocess
import sys

import numpy as np
import pytest

import ensemble_rsa as ersa

PROMISED = {
    "DISTANCES", "compute_rdm", "cocktail_blank", "centroids", "consistency",
    "within_category_consistency", "category_clustering_index", "bootstrap_consistency",
    "random_category_consistency", "mds", "train", "extract", "analyze",
}  # fmt: skip
FUNCTIONS = sorted(name for name in ersa.__all__ if inspect.isfunction(getattr(ersa, name)))
LABELS = list("aabbcc")


def test_the_front_door_is_small_and_holds_what_was_promised():
    assert len(ersa.__all__) == len(set(ersa.__all__)) <= 40
    assert set(ersa.__all__) >= PROMISED
    assert set(dir(ersa)) >= set(ersa.__all__)
    assert list(ersa.DISTANCES) == [
        "correlation", "cosine", "euclidean", "unit_euclidean", "norm_difference",
    ]  # fmt: skip


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="ensemble_rsa attribute manhattan"):
        ersa.manhattan  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(ersa.__all__) - {"DISTANCES"}))
def test_every_name_is_documented(name):
    assert len(inspect.getdoc(getattr(ersa, name)).split()) > 5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_documents_its_arguments_and_errors(name):
    function = getattr(ersa, name)
    text = inspect.getdoc(function)
    described = text.split("Args:")[1]
    for argument in inspect.signature(function).parameters:
        assert argument in described, argument
    assert "Raises:" in text


def test_the_import_is_light():
    program = """
import sys
import ensemble_rsa
assert ensemble_rsa.__version__
heavy = {"jax", "jaxlib", "flax", "optax", "matplotlib", "tensorflow_datasets", "xarray", "numpy"}
print(sorted(heavy & set(sys.modules)))
import jax
print(jax._src.xla_bridge._backends)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout.split("\n")[:2] == ["[]", "{}"], ended.stderr


def test_configurations_take_no_device():
    program = """
import ensemble_rsa, jax
ensemble_rsa.Config(), ensemble_rsa.DISTANCES, ensemble_rsa.train, ensemble_rsa.compute_rdm
print(jax._src.xla_bridge._backends)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout == "{}\n", ended.stderr


def activations() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 6, 8))


def rdms() -> np.ndarray:
    return np.random.default_rng(1).random((3, 15))


# Each function of arrays: a sound input, and the call.
CALLS = {
    "compute_rdm": (activations, ersa.compute_rdm),
    "cocktail_blank": (activations, ersa.cocktail_blank),
    "centroids": (activations, lambda a: ersa.centroids(a, LABELS)),
    "consistency": (rdms, ersa.consistency),
    "within_category_consistency": (rdms, lambda r: ersa.within_category_consistency(r, LABELS)),
    "category_clustering_index": (rdms, lambda r: ersa.category_clustering_index(r, LABELS)),
    "bootstrap_consistency": (rdms, lambda r: ersa.bootstrap_consistency(r, n_resamples=9)),
    "consistency_between": (rdms, lambda r: ersa.consistency_between(r, r[:2])),
    "compare_groups": (rdms, lambda r: ersa.compare_groups(r, rdms() ** 2, n_permutations=9)),
    "second_level_distances": (rdms, ersa.second_level_distances),
    "mds": (rdms, lambda r: ersa.mds(r, n_init=1, max_iter=3)),
    "random_category_consistency": (
        activations,
        lambda a: ersa.random_category_consistency(a, LABELS, n_draws=2),
    ),
    "extract": (activations, lambda a: ersa.extract({"V1": a}, LABELS)),
}


def test_every_function_of_arrays_is_in_the_table():
    elsewhere = {
        "train",
        "analyze",
        "load_run",
        "analyze_run",
        "compare_runs",
        "load_rdms",
        "sweep",
    }  # of configurations, runs, data sets
    assert set(CALLS) == set(FUNCTIONS) - elsewhere


@pytest.mark.parametrize("name", CALLS)
def test_inputs_are_never_changed(name):
    make, function = CALLS[name]
    given = make()
    given.flags.writeable = False  # writing would raise
    before = given.copy()
    function(given)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize(("name", "value"), itertools.product(CALLS, [np.nan, np.inf]))
def test_numbers_that_are_not_finite_are_refused(name, value):
    make, function = CALLS[name]
    given = make()
    given[(-1,) * given.ndim] = value
    with pytest.raises(ersa.InputError, match=r"expected .*got"):
        function(given)


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_rank_is_refused_with_what_was_expected(name):
    make, function = CALLS[name]
    given = make()
    takes_one_rdm = name in ("mds", "category_clustering_index")
    flat = given[0, 0] if given.ndim == 3 or takes_one_rdm else given[0]
    with pytest.raises(ersa.InputError, match=r"expected|condensed") as caught:
        function(flat)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_words_are_refused(name):
    with pytest.raises(ersa.InputError, match="expected"):
        CALLS[name][1](np.full((3, 6, 8), "word"))


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ersa.compute_rdm(activations(), "manhattan"), "distance: unknown 'manhattan'"),
        (lambda: ersa.bootstrap_consistency(rdms(), over="days"), "over: unknown 'days'"),
        (
            lambda: ersa.within_category_consistency(rdms(), LABELS, aggregate="sum"),
            "aggregate: unknown 'sum'; choose from pooled, per_category",
        ),
        (lambda: ersa.consistency(rdms()[:1]), "rdms: expected .* at least two instances"),
        (lambda: ersa.load_run("nowhere"), "run: nowhere is not a run folder"),
    ],
)
def test_unknown_names_come_with_the_choices(call, message):
    with pytest.raises(ersa.InputError, match=message):
        call()

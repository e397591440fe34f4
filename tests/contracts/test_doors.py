"""Every public function × container × type × memory order × form of RDM × kind of label.

A result is the number of an independent reference in float64 NumPy, or an `InputError` of one line
that names the argument.
"""

import inspect
import re

import h5py
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from scipy.spatial.distance import pdist, squareform

import ensemble_rsa as ersa
from ensemble_rsa.analysis import bootstrap
from tests.contracts.containers import (
    CONTAINERS,
    DTYPES,
    LABELS,
    NAMES,
    ORDERS,
    SQUARE,
    has,
    sorted_codes,
)
from tests.contracts.doors import (
    DOORS,
    N_INSTANCES,
    N_STIMULI,
    N_UNITS,
    WITHOUT_ARRAYS,
    is_same,
)

pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")

SHAPES = {
    "activations": (N_INSTANCES, N_STIMULI, N_UNITS),
    "rdms": (N_INSTANCES, 15),
    "rdm": (15,),
    "points": (N_STIMULI, 2),
    "series": (15,),
}
CODES = np.array([0, 1, 2, 0, 1, 2])
COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.generate],
}
short = settings(max_examples=5, derandomize=True, **COMMON)
long = settings(max_examples=400, print_blob=True, **COMMON)
every_door = pytest.mark.parametrize("name", DOORS)
inputs = {
    "seed": st.integers(0, 1000),
    "container": st.sampled_from(sorted(CONTAINERS)),
    "dtype": st.sampled_from(sorted(DTYPES)),
    "order": st.sampled_from(sorted(ORDERS)),
    "square": st.booleans(),
    "kind": st.sampled_from(sorted(LABELS)),
}


def test_every_public_function_is_a_door_or_takes_no_arrays():
    for module in (ersa, bootstrap, ersa.interop):
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)):
                assert (name in DOORS) != (name in WITHOUT_ARRAYS), name


def numbers(seed: int, takes: str) -> np.ndarray:
    """Whole numbers that every type holds; no pattern or RDM is constant."""
    rng = np.random.default_rng(seed)
    if takes in ("rdms", "rdm"):
        values = rng.integers(1, 16, SHAPES[takes]).astype(np.float64)
        values[..., is_same(CODES)] += [0, 0, 16]  # distances within categories differ, too
        return values
    return rng.integers(0, 16, SHAPES[takes]).astype(np.float64)


def assert_numbers(door, name, found, values, codes):
    if name == "mds":
        stress = np.sqrt(((values - pdist(found.embedding)) ** 2).sum() / (values**2).sum())
        assert found.embedding.shape == (N_STIMULI, 2)
        np.testing.assert_allclose(found.stress, stress, atol=1e-6)
        return
    expected = door.reference(values, codes)
    several = isinstance(expected, list)
    for ours, theirs in zip(
        found if several else [found], expected if several else [expected], strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


def check_door(name, folder, seed, container, dtype, order, square, kind):
    door = DOORS[name]
    values, names = numbers(seed, door.takes), NAMES[door.takes]
    held = values
    if square and door.takes in ("rdms", "rdm"):
        held = np.array([squareform(rdm) for rdm in np.atleast_2d(values)])
        held, names = held.reshape(*values.shape[:-1], 6, 6), (*names[:-1], *SQUARE)
    array = ORDERS[order](held.astype(DTYPES[dtype]))
    try:
        converted = CONTAINERS[container](array, names, folder)
    except (TypeError, ValueError, NotImplementedError, AttributeError):
        return  # the library lacks this type
    labels = LABELS[kind](CODES, folder) if door.has_labels else None
    found = door.call(converted, labels)
    assert_numbers(door, name, found, values, sorted_codes(kind, CODES))
    np.testing.assert_array_equal(array.astype(np.float64), held)  # left alone


@every_door
@short
@given(**inputs)
def test_every_container_gives_the_numbers_of_the_reference(name, tmp_path, **given_):
    check_door(name, tmp_path, **given_)


@pytest.mark.slow
@every_door
@long
@given(**inputs)
def test_every_container_gives_the_numbers_of_the_reference_at_length(name, tmp_path, **given_):
    check_door(name, tmp_path, **given_)


def with_first(value):
    return lambda a: np.concatenate([[value], a.ravel()[1:]]).reshape(a.shape)


def closed_file(a):
    with h5py.File("closed.h5", "w", driver="core", backing_store=False) as file:
        return file.create_dataset("a", data=a)


REFUSED = {
    "NaN": with_first(np.nan),
    "inf": with_first(np.inf),
    "masked": lambda a: np.ma.masked_array(a, a == a.ravel()[0]),
    "masked whole numbers": lambda a: np.ma.masked_array(a.astype(int), a == a.ravel()[0]),
    "complex": lambda a: a + 1j,
    "words": lambda a: np.full(a.shape, "word"),
    "objects": lambda a: a.astype(object),
    "lengths of time": lambda a: a.astype("m8[s]"),
    "dates": lambda a: a.astype("M8[s]"),
    "records": lambda a: np.zeros(a.shape, [("x", "f8")]),
    "empty": lambda a: a[..., :0],
    "a number": lambda a: 3.0,
    "nothing": lambda a: None,
    "text": lambda a: "activations.npy",
    "dict": lambda a: {"V1": a},
    "set": lambda a: {1.0, 2.0},
    "generator of words": lambda a: (word for word in ["word"]),
    "missing in a list": lambda a: [None, *a.tolist()[1:]],
    "ragged list": lambda a: [*a.tolist()[:-1], [1.0]],
    "object of another kind": lambda a: object(),
    "closed file": closed_file,
    "Dataset": lambda a: xr.Dataset({"V1": ("x", [1.0])}),
    "table of words": lambda a: pd.DataFrame({"a": list("xyz"), "b": list("uvw")}),
    "sparse": lambda a: scipy.sparse.csr_array(np.atleast_2d(a.reshape(a.shape[0], -1))),
    "sparse in a list": lambda a: [scipy.sparse.csr_array(np.eye(3))] * 3,
    "NaN in a DataArray": lambda a: xr.DataArray(with_first(np.nan)(a)),
}
if has("rsatoolbox"):
    REFUSED["rsatoolbox"] = lambda a: __import__("rsatoolbox").rdm.RDMs(np.ones((3, 15)))
    REFUSED["rsatoolbox data"] = lambda a: __import__("rsatoolbox").data.Dataset(np.eye(6))
if has("torch"):
    REFUSED["meta device"] = lambda a: __import__("torch").tensor(a).to("meta")
    REFUSED["sparse tensor"] = lambda a: __import__("torch").tensor(a).to_sparse()
if has("polars"):
    REFUSED["lazy"] = lambda a: __import__("polars").DataFrame({"a": [1.0, 2.0]}).lazy()


@pytest.mark.parametrize("wrong", REFUSED)
@every_door
def test_other_values_are_refused_by_name_in_one_line(name, wrong):
    door = DOORS[name]
    labels = LABELS["words"](CODES, None)
    with pytest.raises(ersa.InputError) as caught:
        door.call(REFUSED[wrong](numbers(0, door.takes)), labels)
    assert re.match(rf"{door.argument}[\[:, ]", str(caught.value)), caught.value
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


REFUSED_LABELS = {
    "None": lambda c: [None, *c[1:]],
    "NaN": lambda c: [np.nan, *c[1:]],
    "NA": lambda c: [pd.NA, *c[1:]],
    "NaT": lambda c: [pd.NaT, *c[1:]],
    "NaN among text in an array": lambda c: np.array([np.nan, *c[1:]]),
    "masked": lambda c: np.ma.masked_array([1, 2, 3, 1, 2, 3], [1, 0, 0, 0, 0, 0]),
    "NaN among numbers": lambda c: np.array([np.nan, 2, 3, 1, 2, 3]),
    "nullable": lambda c: pd.Series([None, 2, 3, 1, 2, 3], dtype="Int64"),
    "too few": lambda c: c[:-1],
    "too many": lambda c: [*c, "dog"],
    "none": lambda c: [],
    "text": lambda c: "abcabc",
    "dict": lambda c: dict(enumerate(c)),
    "set": set,
    "a number": lambda c: 6,
    "several kinds": lambda c: [1, *c[1:]],
    "truth and numbers": lambda c: [True, 2, 3, True, 2, 3],
    "two axes": lambda c: np.array(c)[:, None],
    "table": lambda c: pd.DataFrame({"category": c}),
    "nested": lambda c: [[each] for each in c],
    "complex": lambda c: [1j, 2j, 3j] * 2,
}


@pytest.mark.parametrize("wrong", REFUSED_LABELS)
@pytest.mark.parametrize("name", [name for name in DOORS if DOORS[name].has_labels])
def test_other_labels_are_refused_by_name_in_one_line(name, wrong):
    door = DOORS[name]
    with pytest.raises(ersa.InputError) as caught:
        door.call(numbers(0, door.takes), REFUSED_LABELS[wrong](LABELS["words"](CODES, None)))
    assert re.match(r"labels: |pattern_descriptors\['category'\]: ", str(caught.value)), (
        caught.value
    )
    assert "\n" not in str(caught.value)

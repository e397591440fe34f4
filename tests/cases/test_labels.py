"""Labels of any kind: numbers sort as numbers, missing ones are refused with their positions."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from ensemble_rsa.arrays import check_labels
from ensemble_rsa.errors import InputError


@pytest.mark.parametrize(
    "labels",
    [
        [10, 2, 1, 10], np.array([10.0, 2, 1, 10]), jnp.array([10, 2, 1, 10]),
        pd.Series([10, 2, 1, 10], dtype="Int64"), ["c", b"b", np.str_("a"), "c"],
        np.array(["c", "b", "a", "c"], "S"), np.array(["c", "b", "a", "c"], object),
        pd.Categorical(["c", "b", "a", "c"], categories=["b", "c", "a"]),
        xr.DataArray(["c", "b", "a", "c"]), zarr.array(np.array([10, 2, 1, 10])),
    ],
)  # fmt: skip
def test_labels_of_any_kind_sort_as_what_they_are(labels):
    codes, categories = check_labels("labels", labels, 4)
    assert codes.tolist() == [2, 1, 0, 2]
    assert categories.tolist() in ([1, 2, 10], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", None, "b", np.nan], r"got 2 missing, at position\(s\) 1, 3"),
        (pd.Series(["a", None, "b", "a"], dtype="string"), r"1 missing, at position\(s\) 1"),
        (pd.Series([1, None, 2, 1], dtype="Int64"), r"1 missing, at position\(s\) 1"),
        (np.ma.masked_equal([1, 2, 3, 4], 2), r"1 missing, at position\(s\) 1"),
        (np.array(["a" * 40, np.nan, "b", "c"]), r"1 missing, at position\(s\) 1"),
        ([1, "a", 2, 3], "values of one kind, got int, str"),
        ("abcd", "a sequence of labels, got str"),
        ({1, 2, 3, 4}, "a sequence of labels, got set"),
        ([["a"], ["b"], ["a"], ["b"]], "nested"),
        (list("abc"), "one label for each of 4 stimuli, got 3"),
        ([1j, 2j, 1j, 2j], "labels that sort"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(InputError, match=f"labels: .*{message}"):
        check_labels("labels", labels, 4)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array(["a", np.nan, "b"]), r"1 missing, at position\(s\) 1"),  # NumPy makes it "nan"
        (["a", pd.NA, "b"], r"1 missing, at position\(s\) 1"),
        ([True, 2, 1], "of one kind, got bool, int"),
        (6, "a sequence of labels, got 6"),
        ([], "expected labels, got none"),
    ],
)
def test_labels_that_numpy_or_python_would_merge_are_refused(labels, message):
    with pytest.raises(InputError, match=f"labels: .*{message}"):
        check_labels("labels", labels)


def test_whole_numbers_that_floating_point_would_merge_stay_apart():
    codes, categories = check_labels("labels", [2**53, 2**53 + 1, 0.5])
    assert codes.tolist() == [1, 2, 0]
    assert categories.tolist() == [0.5, 2**53, 2**53 + 1]


def test_a_category_called_nan_is_a_category():
    assert check_labels("labels", ["nan", "a"])[1].tolist() == ["a", "nan"]

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import label_rdms, reorder_stimuli
from ensemble_rsa.interop.rsatoolbox import from_rsatoolbox, load_rdms, save_rdms, to_rsatoolbox
from ensemble_rsa.interop.stacking import stack_rdms

IDS = ["b", "a", "c"]


def networks(rng) -> xr.Dataset:
    return label_rdms(
        rng.random((2, 3), np.float32),
        "correlation",
        {"instance": np.arange(2), "layer": np.array(["conv1", "conv2"])},
        {"stimulus": np.array(IDS), "category": np.array(["x", "x", "y"])},
        {"source": "ensemble_rsa", "units": "all"},
    )


def brains_of_rsatoolbox(rng, ids=IDS):
    """Descriptors as lists, which rsatoolbox's own `concat` cannot compare (its issue 346)."""
    rsatoolbox = pytest.importorskip("rsatoolbox")
    return rsatoolbox.rdm.RDMs(
        rng.random((1, 3)),
        "crossnobis",
        descriptors={"subject": "s01", "units": "all", "noise": np.eye(2)},
        rdm_descriptors={"region": ["IT"], "layer": ["deep"]},
        pattern_descriptors={"stimulus": list(ids), "height": [1.0, 2.0, 3.0]},
    )


def test_networks_and_brains_on_one_stack(rng):
    ours, theirs = networks(rng), brains_of_rsatoolbox(rng)
    both = stack_rdms([ours, from_rsatoolbox(theirs)])
    np.testing.assert_array_equal(both.exemplar, np.vstack([ours.exemplar, theirs.dissimilarities]))
    columns = {name: coordinate.values.tolist() for name, coordinate in both.coords.items()}
    assert columns.pop("instance") == pytest.approx([0, 1, np.nan], nan_ok=True)
    assert columns == {
        "distance": ["correlation", "correlation", "crossnobis"],
        "source": ["ensemble_rsa", "ensemble_rsa", ""],
        "subject": ["", "", "s01"],
        "layer": ["conv1", "conv2", "deep"],
        "region": ["", "", "IT"],
        "stimulus": IDS,
        "category": ["x", "x", "y"],
        "height": [1.0, 2.0, 3.0],
    }
    assert both.attrs == {"units": "all"}


def test_another_order_is_refused_until_it_is_asked_for(rng):
    theirs = brains_of_rsatoolbox(rng, ["a", "b", "c"])
    brains = from_rsatoolbox(theirs)
    with pytest.raises(InputError, match=r"groups\[1\]: .*another order, .* expected 'b', got 'a'"):
        stack_rdms([networks(rng), brains])
    both = stack_rdms([networks(rng), reorder_stimuli(brains, IDS)])
    theirs.reorder([1, 0, 2])
    np.testing.assert_array_equal(both.exemplar[2:], theirs.dissimilarities)
    assert both.height.values.tolist() == [2.0, 1.0, 3.0]


def test_a_stack_goes_through_rsatoolbox_and_through_a_file(rng, tmp_path):
    both = stack_rdms([networks(rng), from_rsatoolbox(brains_of_rsatoolbox(rng))])
    both = both.assign(exemplar=both.exemplar.astype(np.float32)).rename(distance="measure")
    xr.testing.assert_identical(from_rsatoolbox(to_rsatoolbox(both), IDS), both)
    path = tmp_path / "rdms.h5"
    save_rdms(path, both.assign_attrs(distance="mixed"))
    loaded = load_rdms(path, IDS)
    xr.testing.assert_equal(loaded, both)
    assert (loaded.attrs["distance"], loaded.attrs["units"]) == ("mixed", "all")
    with pytest.raises(InputError, match=r"rdms\.h5: .*another order"):
        load_rdms(path, sorted(IDS))


def test_contradictions_are_refused(rng):
    ours = networks(rng)
    other = ours.assign_coords(category=("stimulus", list("xyy")))
    with pytest.raises(InputError, match=r"groups\[1\]: pattern descriptor 'category' contradicts"):
        stack_rdms([ours, other])
    other = ours.assign_coords(layer=("rdm", np.arange(2)))
    with pytest.raises(InputError, match=r"rdm_descriptors\['layer'\]: text in one group, numbers"):
        stack_rdms([ours, other])
    with pytest.raises(InputError, match="groups: expected at least one data set of RDMs"):
        stack_rdms([])

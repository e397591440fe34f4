from dataclasses import replace

import numpy as np
import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import LabelledRdms, reorder_stimuli
from ensemble_rsa.interop.rsatoolbox import from_rsatoolbox, load_rdms, save_rdms, to_rsatoolbox
from ensemble_rsa.interop.stacking import stack_rdms

IDS = ["b", "a", "c"]


def networks(rng):
    return LabelledRdms(
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
    np.testing.assert_array_equal(both.rdms, np.vstack([ours.rdms, theirs.dissimilarities]))
    assert both.distance is None
    columns = {name: values.tolist() for name, values in both.rdm_descriptors.items()}
    assert columns.pop("instance") == pytest.approx([0, 1, np.nan], nan_ok=True)
    assert columns == {
        "distance": ["correlation", "correlation", "crossnobis"],
        "source": ["ensemble_rsa", "ensemble_rsa", ""],
        "subject": ["", "", "s01"],
        "layer": ["conv1", "conv2", "deep"],
        "region": ["", "", "IT"],
    }
    assert {name: values.tolist() for name, values in both.pattern_descriptors.items()} == {
        "stimulus": IDS,
        "category": ["x", "x", "y"],
        "height": [1.0, 2.0, 3.0],
    }
    assert both.descriptors == {"units": "all"}


def test_what_all_say_alike_is_kept_once(rng):
    ours = networks(rng)
    both = stack_rdms([ours, ours])
    assert (both.distance, both.descriptors) == (ours.distance, ours.descriptors)
    assert both.rdm_descriptors["instance"].tolist() == [0, 1, 0, 1]


def test_another_order_is_refused_until_it_is_asked_for(rng):
    theirs = brains_of_rsatoolbox(rng, ["a", "b", "c"])
    brains = from_rsatoolbox(theirs)
    with pytest.raises(InputError, match=r"groups\[1\]: .*another order, .* expected 'b', got 'a'"):
        stack_rdms([networks(rng), brains])
    both = stack_rdms([networks(rng), reorder_stimuli(brains, IDS)])
    theirs.reorder([1, 0, 2])
    np.testing.assert_array_equal(both.rdms[2:], theirs.dissimilarities)
    assert both.pattern_descriptors["height"].tolist() == [2.0, 1.0, 3.0]


def test_a_stack_goes_through_rsatoolbox_and_through_a_file(rng, tmp_path):
    both = stack_rdms([networks(rng), from_rsatoolbox(brains_of_rsatoolbox(rng))])
    parts = (both.rdm_descriptors, both.pattern_descriptors, both.descriptors)
    save_rdms(tmp_path / "rdms.h5", both.rdms, "mixed", *parts)
    back = from_rsatoolbox(to_rsatoolbox(both.rdms, both.distance, *parts), IDS)
    for again in (back, load_rdms(tmp_path / "rdms.h5", IDS)):
        np.testing.assert_array_equal(again.rdms, both.rdms.astype(np.float32))
        for name, values in {**both.rdm_descriptors, **both.pattern_descriptors}.items():
            got = again.rdm_descriptors.get(name, again.pattern_descriptors.get(name))
            np.testing.assert_array_equal(got, values)
        assert again.descriptors["units"] == "all"
    with pytest.raises(InputError, match=r"rdms\.h5: .*another order"):
        load_rdms(tmp_path / "rdms.h5", sorted(IDS))


def test_contradictions_are_refused(rng):
    ours = networks(rng)
    other = replace(
        ours, pattern_descriptors={**ours.pattern_descriptors, "category": np.array(list("xyy"))}
    )
    with pytest.raises(InputError, match=r"groups\[1\]: pattern descriptor 'category' contradicts"):
        stack_rdms([ours, other])
    other = replace(ours, rdm_descriptors={"layer": np.arange(2)})
    with pytest.raises(InputError, match=r"rdm_descriptors\['layer'\]: text in one group, numbers"):
        stack_rdms([ours, other])
    with pytest.raises(InputError, match="groups: expected at least one LabelledRdms, got none"):
        stack_rdms([])


def test_whole_descriptors_of_other_kinds_are_not_written(rng, tmp_path):
    ours = networks(rng)
    with pytest.raises(InputError, match=r"descriptors\['noise'\]: expected text or a number"):
        save_rdms(
            tmp_path / "rdms.h5",
            ours.rdms,
            "cosine",
            ours.rdm_descriptors,
            ours.pattern_descriptors,
            {"noise": np.eye(2)},
        )

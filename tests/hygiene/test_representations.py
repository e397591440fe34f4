"""Findings on RDMs and units: each planted fault is named, and a clean set of ten is silent."""

import dataclasses

import numpy as np
import pytest

import ensemble_rsa as ersa
from ensemble_rsa.extraction.rows import ChosenRows
from ensemble_rsa.extraction.sources import source_from_arrays
from ensemble_rsa.hygiene.representations import check_rdms, leave_one_out
from ensemble_rsa.hygiene.units import UnitWatch
from tests.hygiene.conftest import CATEGORIES, N_STIMULI


def found(activations, labels=CATEGORIES, distance="correlation"):
    settings = ersa.AnalysisConfig.of(distance=distance)
    findings = check_rdms(ersa.extract(activations, labels, settings))
    return [(one.severity, one.instance, one.layer, one.message) for one in findings]


@pytest.mark.parametrize("distance", ersa.DISTANCES)
def test_ten_networks_are_silent(activations, as_source, distance):
    assert found(activations, distance=distance) == []
    if distance == "correlation":
        source = as_source(activations)
        assert ersa.check_networks(source) == []


def test_a_layer_that_two_instances_share(activations):
    activations["conv1"][6] = activations["conv1"][1]
    ((*where, message),) = found(activations)
    assert where == ["warn", 6, "conv1"]
    assert "the RDM is that of instance 1" in message


def test_all_layers_shared_are_refused_also_when_units_are_in_another_order(activations):
    for values in activations.values():
        values[8] = values[3][:, ::-1]
    assert found(activations) == [
        ("refuse", 8, None, "has the RDMs of instance 3 in all layers; leave one out")
    ]


def test_consistency_with_the_mean_of_the_others_is_that_of_numpy(activations):
    vectors = ersa.extract(activations, CATEGORIES).exemplar.sel(layer="fc").values
    standard = (vectors - vectors.mean(1, keepdims=True)) / vectors.std(1, keepdims=True)
    expected = [
        np.corrcoef(standard[i], np.delete(standard, i, axis=0).mean(0))[0, 1] for i in range(10)
    ]
    np.testing.assert_allclose(leave_one_out(np.corrcoef(vectors)), expected, rtol=1e-5)


def test_an_instance_far_from_all_others(activations):
    order = np.random.default_rng(0).permutation(N_STIMULI)
    activations["conv1"][5] = activations["conv1"][5][order]
    ((*where, message),) = found(activations)
    assert where == ["warn", 5, "conv1"]
    assert message.startswith("is far from all others: its RDM shares 0% of variance")


def test_constant_patterns_are_a_note_and_many_a_warning(activations):
    activations["conv1"][2, :1] = 0.0
    activations["fc"][4, :9] = 1.0
    findings = found(activations)
    expected = "of 30 stimuli have a constant pattern, the same in all units"
    assert ("note", 2, "conv1", f"1 {expected}") in findings
    assert ("warn", 4, "fc", f"9 {expected}") in findings


def test_stimuli_that_are_shown_twice(activations):
    for values in activations.values():
        values[:, 17] = values[:, 4]
    ((severity, instance, layer, message),) = found(activations)
    assert (severity, instance, layer) == ("warn", None, None)
    assert message.startswith("stimuli are the same to all networks: 4 and 17;")
    activations["fc"][0, 17] += np.arange(80)  # one network tells them apart
    assert found(activations) == []


def test_a_network_without_categories_and_labels_in_another_order(activations):
    rng = np.random.default_rng(2)
    activations["fc"][7] = rng.normal(size=(N_STIMULI, 80))
    at_chance = [one for one in found(activations) if "nearest neighbours" in one[3]]
    ((*where, message),) = at_chance
    assert where == ["warn", 7, "fc"]
    assert "is this network trained?" in message
    ((severity, instance, _, message),) = [
        one for one in found({"fc": activations["conv1"]}, rng.permutation(CATEGORIES))
    ]
    assert (severity, instance) == ("note", None)
    assert "are labels in the order of stimuli?" in message


@pytest.mark.parametrize("in_blocks", [False, True])
def test_dead_units(activations, as_source, in_blocks):
    source = as_source(activations)
    if in_blocks:  # as activations on disk are read
        rows = np.arange(N_STIMULI)
        read = source.activations
        source = as_source(
            activations,
            activations=lambda i: ((name, ChosenRows(x, rows)) for name, x in read(i)),
        )
    activations["conv1"][3, :, :30] = 0.0  # 38 %
    activations["fc"][:, :, 10:60] = 2.0  # 62 %
    activations["fc"][9] = 0.0
    activations["fc"][9, :, 0] = np.arange(N_STIMULI)
    activations["fc"][9, :, 1] = np.arange(N_STIMULI) ** 2
    watch = UnitWatch(source)
    rdms = ersa.extract(watch.source)
    np.testing.assert_array_equal(rdms.exemplar, ersa.extract(activations, CATEGORIES).exemplar)
    findings = [(one.severity, one.instance, one.layer, one.message) for one in watch.findings()]
    words = "of units are dead, the same for all stimuli"
    assert findings == [
        ("warn", 3, "conv1", f"38% {words}, and 0% in the median instance"),
        ("warn", None, "fc", f"62% {words} (median instance)"),
        ("warn", 9, "fc", f"98% {words}, and 62% in the median instance"),
    ]


def test_dead_units_of_a_wide_layer_are_estimated_from_a_sample():
    wide = np.random.default_rng(0).normal(size=(3, 5, 100_000)).astype(np.float32)
    wide[1, :, :70_000] = 0.0
    source, rows, shares = source_from_arrays({"wide": wide}, None), np.arange(5), []
    in_blocks = dataclasses.replace(
        source, activations=lambda i: [("wide", ChosenRows(wide[i], rows))]
    )
    for given in (source, in_blocks):
        watch = UnitWatch(given)
        ersa.extract(watch.source)
        (one,) = watch.findings()
        assert one.instance == 1
        shares.append(int(one.message.split("%")[0]))
    assert shares[0] == shares[1]
    assert abs(shares[0] - 70) <= 4  # four standard errors

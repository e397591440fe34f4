"""RDMs of activations from anywhere and from a run, against SciPy in float64."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ensemble_rsa.config.analysis import AnalysisConfig, StimulusConfig
from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.data.stimuli import choose_stimuli
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.extraction.collect import collect_rdms
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.models.ensemble import member
from ensemble_rsa.models.execution import default_execution
from ensemble_rsa.pipeline.extract import activations as activations_of
from ensemble_rsa.pipeline.extract import dataset_of, extract
from ensemble_rsa.pipeline.train import train
from ensemble_rsa.rdm.build import cocktail_blank
from ensemble_rsa.runs.run import load_networks, load_run
from ensemble_rsa.runs.set_aside import set_aside

LABELS = list("bacbacbac")  # three stimuli each, not sorted


@pytest.fixture
def activations(rng) -> dict[str, np.ndarray]:
    return {
        "early": rng.normal(size=(3, 9, 40)).astype(np.float32),
        "late": rng.normal(size=(3, 9, 12)).astype(np.float32),
    }


def by_hand(patterns: np.ndarray, metric: str = "correlation") -> np.ndarray:
    return pdist(patterns.astype(np.float64), metric)


@pytest.mark.parametrize("distance", ["correlation", "cosine", "euclidean"])
def test_exemplar_rdms_are_those_of_pdist(distance, activations):
    before = {name: values.copy() for name, values in activations.items()}
    rdms = extract(activations, LABELS, AnalysisConfig.of(distance=distance))
    assert rdms.exemplar.dims == ("layer", "instance", "stimulus_pair")
    assert rdms.layer.values.tolist() == ["early", "late"]
    assert rdms.attrs["distance"] == distance
    for name, values in activations.items():
        for i in range(3):
            np.testing.assert_allclose(
                rdms.exemplar.sel(layer=name, instance=i), by_hand(values[i], distance), atol=1e-5
            )
        np.testing.assert_array_equal(values, before[name])


def test_centroid_rdms_are_made_of_averaged_patterns(activations):
    rdms = extract(activations, LABELS)
    for name, values in activations.items():
        for i in range(3):
            means = [
                values[i][np.array(LABELS) == category].astype(np.float64).mean(0)
                for category in "abc"
            ]
            np.testing.assert_allclose(
                rdms.centroid.sel(layer=name, instance=i), by_hand(np.array(means)), atol=1e-5
            )


def test_without_labels_there_are_no_centroids(activations):
    rdms = extract(activations)
    assert "centroid" not in rdms
    assert set(rdms.category.values) == {""}


def test_stimuli_and_instances_keep_their_names(activations):
    rdms = extract(activations, LABELS)
    assert rdms.category.values.tolist() == LABELS
    assert rdms.stimulus.values.tolist() == [str(i) for i in range(9)]
    assert rdms.instance.values.tolist() == rdms.seed.values.tolist() == [0, 1, 2]
    assert set_aside(rdms, "excluded") == []


def test_chosen_layers_come_in_the_sources_order(activations):
    assert extract(activations, layers=["late"]).layer.values.tolist() == ["late"]
    both = extract(activations, layers=["late", "early"])
    np.testing.assert_array_equal(both.exemplar, extract(activations).exemplar)


def test_progress_counts_every_rdm(activations):
    seen = []
    extract(activations, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]


def test_constant_patterns_are_counted(activations):
    activations["late"][1, [2, 5]] = 0.0
    rdms = extract(activations, LABELS)
    assert rdms.constant_patterns.values.tolist() == [[0, 0, 0], [0, 2, 0]]


def test_an_instance_whose_distances_are_all_equal_is_left_out_and_named(activations):
    activations["late"][1] = 3.0
    rdms = extract(activations, LABELS)
    (excluded,) = set_aside(rdms, "excluded")
    assert (excluded["instance"], excluded["seed"]) == (1, 1)
    assert "late" in excluded["reason"]
    assert "equal" in excluded["reason"]
    assert rdms.instance.values.tolist() == [0, 2]
    for name, values in activations.items():
        np.testing.assert_allclose(
            rdms.exemplar.sel(layer=name, instance=2), by_hand(values[2]), atol=1e-5
        )


def test_one_instance_cannot_be_compared(activations):
    one = {name: values[:1] for name, values in activations.items()}
    with pytest.raises(RunError, match="at least two instances are needed .* 1 can be"):
        extract(one)


def test_one_instance_left_is_a_failed_run_that_says_why(activations):
    activations["late"][[0, 2]] = 3.0
    with pytest.raises(RunError, match=r"1 can be .*\(instance 0: .*late.*; instance 2: .*late"):
        extract(activations)


@pytest.mark.parametrize("kind", ["numpy", "jax"])
def test_nan_in_given_activations_is_refused(kind, activations):
    activations["late"][2, 3, 4] = np.nan
    given = activations
    if kind == "jax":
        given = {name: jnp.asarray(values) for name, values in activations.items()}
    with pytest.raises(InputError, match="expected finite numbers, got 1 NaN or inf"):
        extract(given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.clear(), "source: expected layer names and their"),
        (lambda a: a.update(late=a["late"][0]), "source['late']: expected shape (instance, stim"),
        (lambda a: a.update(late=a["late"][:2]), "source['late']: expected 3 instances and 9 stim"),
        (lambda a: a.update(late=a["late"][:, :5]), "got 3 and 5"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(change, message, activations):
    change(activations)
    with pytest.raises(InputError, match=re.escape(message)):
        extract(activations)


def test_wrong_labels_layers_and_distances_are_refused(activations):
    with pytest.raises(InputError, match=r"labels: expected one label for each of 9 stimuli"):
        extract(activations, LABELS[:-1])
    with pytest.raises(InputError, match="layers: unknown 'middle'; choose from early, late"):
        extract(activations, layers=["early", "middle"])


def test_a_run_s_rdms_are_those_of_its_networks_layers(trained):
    run = load_run(trained.path)
    rdms = extract(run, settings=AnalysisConfig.of(stimuli=20), layers=["conv1", "conv4"])
    dataset = load_dataset(DataConfig("digits", train_images=100, test_images=60))
    stimuli = choose_stimuli(dataset, StimulusConfig(20))
    assert rdms.stimulus.values.tolist() == list(stimuli.ids)
    assert rdms.category.values.tolist() == [str(label) for label in stimuli.labels]
    assert rdms.seed.values.tolist() == [3, 4, 5]
    np.testing.assert_array_equal(rdms.train_accuracy, run.accuracy["train"])
    network, parameters = load_networks(run, default_execution().convolution)
    fitted = fit_preprocessing("standardize", dataset.train_images)
    for i in range(2):
        maps = apply_preprocessing(fitted, stimuli.images)
        for index in range(4):
            maps = network.layer(member(parameters, i), index, maps)
            if index in (0, 3):
                flat = np.asarray(maps).reshape(20, -1)
                alive = flat.std(1) > 0
                pairs = (alive[:, None] & alive)[np.triu_indices(20, 1)]
                assert pairs.sum() > 50
                rdm = rdms.exemplar.sel(layer=f"conv{index + 1}", instance=i).values
                np.testing.assert_allclose(
                    rdm[pairs], pdist(flat.astype(float), "correlation")[pairs], atol=1e-4
                )


def test_a_network_with_broken_weights_is_left_out_and_named(rng):
    values = rng.normal(size=(3, 6, 8))
    values[1, 2, 3] = np.nan
    source = ActivationSource(
        layers=("conv1",),
        instances=(0, 1, 2),
        seeds=(10, 11, 12),
        stimuli=tuple("uvwxyz"),
        categories=("",) * 6,
        activations=lambda position: [("conv1", jnp.asarray(values[position], jnp.float32))],
        variables={"test_accuracy": np.array([0.1, 0.2, 0.3])},
        attributes={"model": "by hand"},
    )
    rdms = collect_rdms(source, ["conv1"], "correlation", None)
    assert set_aside(rdms, "excluded") == [
        {"instance": 1, "seed": 11, "reason": "activations of conv1 are not finite"}
    ]
    assert rdms.instance.values.tolist() == [0, 2]
    assert rdms.seed.values.tolist() == [10, 12]
    assert rdms.test_accuracy.values.tolist() == [0.1, 0.3]
    assert rdms.attrs["model"] == "by hand"
    np.testing.assert_allclose(rdms.exemplar[0, 1], by_hand(values[2]), atol=1e-5)


@pytest.mark.parametrize(
    "what", ["same-category distances", "distances between category centroids"]
)
def test_an_instance_with_part_of_an_rdm_constant_is_named(what, rng):
    labels = list("aaabbbccc")
    activations = rng.normal(size=(3, 9, 20))
    if what.startswith("same"):  # patterns of a category alike: distances within it are all 0
        activations[1] = np.repeat(activations[1, ::3], 3, axis=0)
    else:  # centroids at the corners of a triangle with equal sides
        corners = np.repeat(np.eye(3), 3, axis=0)
        spread = np.tile([[2.0, 0, 0], [0, 1, 0], [-2, -1, 0]], (3, 1))  # sums to 0 per category
        activations[1] = np.concatenate([corners, spread, np.zeros((9, 14))], axis=1)
    rdms = extract({"V1": activations}, labels)
    assert rdms.instance.values.tolist() == [0, 2]
    (excluded,) = set_aside(rdms, "excluded")
    assert excluded["instance"] == 1
    assert f"all {what} of V1 are equal" in excluded["reason"]


@pytest.fixture(scope="module")
def dropped(tiny_model, tmp_path_factory):
    """Two networks trained with dropout for two epochs, and one without; all epochs are kept."""
    return train(
        Config(
            DataConfig("digits", train_images=50, test_images=30, preprocessing="standardize"),
            ModelConfig(tiny_model, width=0.2),
            TrainingConfig(
                instances=3, epochs=2, batch_size=10, dropout=(0.0, 0.5, 0.5), seeds=(0, 1, 2),
                learning_rate=0.1, save_at=(0, 1, 2),
            ),
        ),
        tmp_path_factory.mktemp("dropped") / "run",
    )  # fmt: skip


def first_layer(run, **settings) -> np.ndarray:
    return activations_of(run, "conv1", AnalysisConfig.of(**settings)).values


def test_the_masks_of_a_sample_are_shared_by_instances_and_no_other_sample_has_them(dropped):
    plain = first_layer(dropped)
    samples = [first_layer(dropped, dropout_sample=sample) for sample in (0, 1)]
    alive = (plain[1] > 0) & (plain[2] > 0)
    masks = [(sample > 0)[:, alive] for sample in samples]
    for sample, mask in zip(samples, masks, strict=True):
        np.testing.assert_allclose(sample[0], plain[0], rtol=1e-6)  # of the rate 0
        np.testing.assert_array_equal(mask[1], mask[2])
        left = sample[1] > 0
        np.testing.assert_allclose(sample[1][left], plain[1][left] / 0.5, rtol=1e-5)
        assert mask[1].mean() == pytest.approx(0.5, abs=0.1)
    assert (masks[0][1] != masks[1][1]).any()
    by_stimulus = (samples[0][1] > 0) | (plain[1] == 0)
    assert (by_stimulus[0] != by_stimulus[1]).any()


def test_one_mask_for_all_stimuli_is_a_setting(dropped):
    plain = first_layer(dropped)[1]
    left = first_layer(dropped, dropout_sample=0, one_mask=True)[1] > 0
    ever, lost = left.any(0), ((plain > 0) & ~left).any(0)
    assert ever.any()
    assert lost.any()
    assert not (ever & lost).any()  # a unit is dropped for all stimuli or for none


def test_the_chosen_epoch_s_networks_are_shown_the_stimuli(dropped):
    convolution = default_execution().convolution
    dataset = dataset_of(dropped)
    stimuli = choose_stimuli(dataset, StimulusConfig(20))
    images = apply_preprocessing(fit_preprocessing("standardize", dataset.train_images),
                                 stimuli.images)  # fmt: skip
    by_epoch = []
    for epoch in (0, 1, 2):
        network, parameters = load_networks(dropped, convolution, epoch)
        expected = np.asarray(network.layer(member(parameters, 1), 0, images)).reshape(20, -1)
        found = first_layer(dropped, stimuli=20, epoch=epoch)[1]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        by_epoch.append(found)
    assert all((one != by_epoch[0]).any() for one in by_epoch[1:])
    np.testing.assert_array_equal(by_epoch[2], first_layer(dropped, stimuli=20)[1])
    with pytest.raises(InputError, match=r"epoch: expected one that .* kept \(0, 1, 2\), got 7"):
        first_layer(dropped, epoch=7)


def test_activations_have_names(dropped):
    found = activations_of(dropped.path, "conv3", AnalysisConfig.of(stimuli=20))
    assert found.dims == ("instance", "stimulus", "unit")
    assert found.shape == (3, 20, 2 * 2 * 10)
    assert found.seed.values.tolist() == [0, 1, 2]
    assert sorted(set(found.category.values)) == list("0123456789")
    with pytest.raises(InputError, match="layer: unknown 'conv4'; choose from conv1, conv2, conv3"):
        activations_of(dropped.path, "conv4")


def test_blank_normalised_rdms_are_those_of_patterns_without_their_mean(activations):
    rdms = extract(activations, LABELS, AnalysisConfig.of(cocktail_blank=True))
    plain = extract(activations, LABELS)
    assert (rdms.attrs["cocktail_blank"], plain.attrs["cocktail_blank"]) == (1, 0)
    for name, values in activations.items():
        for i in range(3):
            blanked = values[i] - values[i].mean(0)
            np.testing.assert_allclose(cocktail_blank(values[i]), blanked, atol=1e-6)
            found = rdms.exemplar.sel(layer=name, instance=i)
            np.testing.assert_allclose(found, by_hand(blanked), atol=1e-5)
            assert np.abs(found - plain.exemplar.sel(layer=name, instance=i)).max() > 0.01

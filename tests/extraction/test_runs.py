"""RDMs, activations and accuracies of a run's networks, worked out layer by layer."""

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ensemble_rsa.config.analysis import AnalysisConfig, StimulusConfig
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.data.stimuli import choose_stimuli
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction import evaluation, sources
from ensemble_rsa.extraction.evaluation import accuracy_with_dropout
from ensemble_rsa.models.ensemble import member
from ensemble_rsa.pipeline.extract import activations, dataset_of, extract
from ensemble_rsa.pipeline.own_images import from_run
from ensemble_rsa.rng import stream
from ensemble_rsa.runs.run import load_networks

DROPOUT_SEED, CHUNK = 5, 30


@pytest.fixture(scope="module")
def run(dropout_run, tiny_model, quick_execution):
    with pytest.MonkeyPatch.context() as patch:
        for module in (sources, evaluation):
            patch.setattr(module, "default_execution", lambda: quick_execution)
        yield dropout_run


@pytest.fixture(scope="module")
def dataset(run):
    return dataset_of(run)


@pytest.fixture(scope="module")
def maps_by_hand(run, dataset, quick_execution):
    """(instance, images, epoch, key) → maps of each layer, with masks from the key if given."""
    network = load_networks(run, "xla")[0]
    preprocessing = fit_preprocessing("standardize", dataset.train_images)

    @partial(jax.jit, compiler_options=quick_execution.compiler_options)
    def layers(parameters, images, kept, key):
        maps, found = apply_preprocessing(preprocessing, images), []
        for layer in range(3):
            maps = network.layer(parameters, layer, maps)
            if key is not None and layer < 2:  # after the strided layers
                mask = jax.random.bernoulli(jax.random.fold_in(key, layer), kept, maps.shape)
                maps *= mask / kept
            found.append(maps)
        return found

    def of(instance, images, epoch=None, key=None):
        parameters = member(load_networks(run, "xla", epoch)[1], instance)
        return layers(parameters, images, 1 - run.config.training.dropout[instance], key)

    return of


def test_rdms_are_those_of_the_networks_layers(run, dataset, maps_by_hand):
    rdms = extract(run, settings=AnalysisConfig.of(stimuli=20), layers=["conv1", "conv3"])
    stimuli = choose_stimuli(dataset, StimulusConfig(20))
    assert rdms.stimulus.values.tolist() == list(stimuli.ids)
    assert rdms.category.values.tolist() == [str(label) for label in stimuli.labels]
    assert rdms.seed.values.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(rdms.train_accuracy, run.accuracy["train"])
    layers = maps_by_hand(1, stimuli.images)
    for found, maps in zip(rdms.exemplar.sel(instance=1), (layers[0], layers[2]), strict=True):
        flat = np.asarray(maps, float).reshape(20, -1)
        alive = flat.std(1) > 0
        pairs = (alive[:, None] & alive)[np.triu_indices(20, 1)]
        assert pairs.sum() > 50
        expected = pdist(flat, "correlation")[pairs]
        np.testing.assert_allclose(found.values[pairs], expected, atol=1e-4)


def test_images_of_ones_own_are_shown_in_their_order(run, dataset, maps_by_hand):
    images, names = dataset.test_images[[4, 0, 9]], ["x", "a", "b"]
    source = from_run(run, images / 255, ["face", "", "face"], names)
    rdms = extract(source)
    assert rdms.stimulus.values.tolist() == names
    assert rdms.category.values.tolist() == ["face", "", "face"]
    assert rdms.seed.values.tolist() == list(run.seeds)
    maps = np.asarray(maps_by_hand(1, images)[0]).reshape(3, -1)
    expected = pdist(maps.astype(np.float64), "correlation")
    np.testing.assert_allclose(rdms.exemplar[0, 1], expected, atol=1e-5)
    for given, message in (
        ((images[:, :4],), r"images: expected the size of the images of training, height"),
        ((images + 0.0,), "images: expected numbers from 0 to 1, got"),
        ((images.astype(int) - 256,), "images: expected whole numbers from 0 to 255"),
        ((images, None, ["x", "x", "b"]), "expected 3 different ids, got 3, of which 2 differ"),
        ((images, ["face"]), "expected one label for each of 3 stimuli, got 1"),
    ):
        with pytest.raises(InputError, match=message):
            from_run(run, *given)


def first_layer(run, **settings) -> np.ndarray:
    return activations(run, "conv1", AnalysisConfig.of(stimuli=20, **settings)).values


def test_the_masks_of_a_sample_are_shared_by_instances_and_differ_between_samples(run):
    plain = first_layer(run)
    samples = [first_layer(run, dropout_sample=sample) for sample in (0, 1)]
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


def test_one_mask_for_all_stimuli_is_a_setting(run):
    plain = first_layer(run)[1]
    left = first_layer(run, dropout_sample=0, one_mask=True)[1] > 0
    ever, lost = left.any(0), ((plain > 0) & ~left).any(0)
    assert ever.any()
    assert lost.any()
    assert not (ever & lost).any()  # a unit is dropped for all stimuli or for none


def test_the_networks_of_a_kept_epoch_are_shown_the_stimuli(run, dataset, maps_by_hand):
    images = choose_stimuli(dataset, StimulusConfig(20)).images
    by_epoch = []
    for epoch in (0, 1, 2):
        maps = maps_by_hand(1, images, epoch)[0]
        found = first_layer(run, epoch=epoch)[1]
        np.testing.assert_allclose(found, maps.reshape(20, -1), rtol=1e-4, atol=1e-5)
        by_epoch.append(found)
    assert all((one != by_epoch[0]).any() for one in by_epoch[1:])
    np.testing.assert_array_equal(by_epoch[2], first_layer(run)[1])
    with pytest.raises(InputError, match=r"epoch: expected one that .* kept \(0, 1, 2\), got 7"):
        first_layer(run, epoch=7)


def test_activations_have_names(run):
    found = activations(run.path, "conv3", AnalysisConfig.of(stimuli=20))
    assert found.dims == ("instance", "stimulus", "unit")
    assert found.shape == (3, 20, 2 * 2 * 10)
    assert found.seed.values.tolist() == [0, 1, 2]
    assert sorted(set(found.category.values)) == list("0123456789")
    with pytest.raises(InputError, match="layer: unknown 'conv4'; choose from conv1, conv2, conv3"):
        activations(run.path, "conv4")


def test_accuracies_with_dropout_agree_with_masks_applied_by_hand(
    run, dataset, maps_by_hand, monkeypatch
):
    monkeypatch.setattr(evaluation, "CHUNK", CHUNK)
    found = accuracy_with_dropout(run, dataset, sample=1)
    key = jax.random.fold_in(stream(DROPOUT_SEED, "test_dropout"), 1)
    for instance in range(3):
        n_correct = 0
        for chunk in range(2):
            rows = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
            own = jax.random.fold_in(key, chunk)
            *_, last = maps_by_hand(instance, dataset.test_images[rows], key=own)
            predictions = np.asarray(last).mean((1, 2)).argmax(-1)
            n_correct += (predictions == dataset.test_labels[rows]).sum()
        assert found[instance] == pytest.approx(n_correct / 60)
    assert found[0] == run.accuracy["test"][0]  # trained without dropout, tested without
    assert (found[1:] != run.accuracy["test"][1:]).any()


def test_dropout_of_a_run_without_is_refused(run, dataset):
    training = dataclasses.replace(run.config.training, dropout=0.0)
    plain = dataclasses.replace(run, config=dataclasses.replace(run.config, training=training))
    with pytest.raises(InputError, match="dropout_sample: .* was trained without dropout"):
        accuracy_with_dropout(plain, dataset)
    with pytest.raises(InputError, match="dropout_sample: .* was trained without dropout"):
        first_layer(plain, dropout_sample=0)


def test_labels_and_images_that_changed_since_training_are_refused(run, dataset, monkeypatch):
    """A new split could otherwise show images that were trained on."""
    with pytest.raises(InputError, match="labels: expected none"):
        extract(run, list("ab"))
    images = dataset.train_images.copy()
    images[0, 0, 0, 0] ^= 1
    changed = dataclasses.replace(dataset, train_images=images)
    monkeypatch.setattr(
        "ensemble_rsa.pipeline.extract.load_dataset", lambda *args, **options: changed
    )
    with pytest.raises(InputError, match="has changed since .* was trained on it"):
        extract(run)

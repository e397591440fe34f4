"""A stored run is loaded as it was saved, and damage is named."""

import json
import shutil

import jax
import numpy as np
import pytest

from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble
from ensemble_rsa.runs.old_devices import OldDevicesWarning
from ensemble_rsa.runs.run import load_history, load_networks, load_run, save_run
from ensemble_rsa.runs.run_folder import create_run_folder
from ensemble_rsa.training.convergence import UnconvergedInstance
from ensemble_rsa.training.ensemble import History, TrainedEnsemble

FLAGGED = (UnconvergedInstance(1, 4, "training accuracy 0.5 is below 0.99"),)
REPLACED = (UnconvergedInstance(0, 2, "never predicts b"),)


@pytest.fixture(scope="module")
def stored(tiny_model, small_digits, tmp_path_factory):
    """An ensemble in memory as training would return it, and the run it was stored as."""
    config = Config(
        DataConfig(preprocessing="standardize"),
        ModelConfig(tiny_model, 0.2),
        TrainingConfig(instances=2, epochs=2, batch_size=20, seed=3, eval_every=2),
    )
    network, parameters = init_ensemble(Blueprint(config.model, (8, 8, 1), 10, "xla"), [3, 4])
    loss, accuracy = np.array([[2.0, 1.5], [0.5, 1.0]]), np.array([[0.1, 0.2], [0.8, 0.5]])
    tested = np.array([[np.nan, np.nan], [0.7, 0.4]])
    ensemble = TrainedEnsemble(
        network, parameters, (3, 4), History(loss, accuracy, tested), np.array([0.9, 0.5]),
        np.array([0.7, 0.4]), FLAGGED, REPLACED, ((0, 0), (0, 1)), (2,),
    )  # fmt: skip
    folder = create_run_folder(config, tmp_path_factory.mktemp("runs") / "run")
    run = save_run(folder, config, ensemble, small_digits, {"seconds": {"train": 1.5}})
    return ensemble, run


@pytest.fixture
def copy(stored, tmp_path):
    return shutil.copytree(stored[1].path, tmp_path / "copy")


def test_a_run_of_the_faulty_devices_is_told_where_it_is_loaded(copy):
    manifest = {"seconds": {"train": 1.5}, "device": "cpu", "execution": {"devices": 2}}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(OldDevicesWarning, match="accuracies can be up to 0.03 too low"):
        load_run(copy)


def test_a_run_is_loaded_as_it_was_saved_bit_for_bit(stored, copy):
    ensemble, saved = stored
    run = load_run(copy)
    assert run.config == saved.config
    assert run.seeds == (3, 4)
    assert (run.flagged, run.replaced) == (FLAGGED, REPLACED)
    assert run.image_shape == (8, 8, 1)
    assert run.categories == tuple("0123456789")
    np.testing.assert_array_equal(run.accuracy["train"], ensemble.train_accuracy)
    np.testing.assert_array_equal(run.accuracy["test"], ensemble.test_accuracy)
    assert json.loads((copy / "manifest.json").read_text())["seconds"] == {"train": 1.5}
    network, parameters = load_networks(run, "xla")
    assert network.layers == ensemble.network.layers
    leaves = map(jax.tree.leaves, (parameters, ensemble.parameters))
    for read, written in zip(*leaves, strict=True):
        np.testing.assert_array_equal(read, written)


def test_the_history_has_named_axes(stored, copy):
    ensemble, _ = stored
    history = load_history(load_run(copy))
    assert history.epoch.values.tolist() == [1, 2]
    assert history.seed.values.tolist() == [3, 4]
    for name in ("train_loss", "train_accuracy", "test_accuracy"):
        assert history[name].dims == ("epoch", "instance")
        np.testing.assert_array_equal(history[name].values, getattr(ensemble.history, name))


@pytest.mark.parametrize("content", ["[]", '{"seeds": 3}'])
def test_another_training_record_is_named(content, copy):
    (copy / "training.json").write_text(content)
    with pytest.raises(InputError, match=r"training\.json: not what `train` writes"):
        load_run(copy)


def test_damaged_networks_are_a_failed_run(copy):
    run = load_run(copy)
    (copy / "checkpoints" / "final" / "_METADATA").write_text("{")
    with pytest.raises(RunError, match="the checkpoint cannot be read"):
        load_networks(run, "xla")

"""A stored run: what was trained comes back, and damage is named."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.models.execution import default_execution
from ensemble_rsa.runs.run import load_history, load_networks, load_run, save_run
from ensemble_rsa.runs.run_folder import create_run_folder
from ensemble_rsa.training.convergence import UnconvergedInstance
from ensemble_rsa.training.ensemble import train_ensemble

VERDICTS = (
    UnconvergedInstance(1, 4, "training accuracy 0.5 is below 0.99"),
    UnconvergedInstance(0, 3, "never answers b"),
)


@pytest.fixture(scope="module")
def stored(tiny_model, small_digits, quick_execution, tmp_path_factory):
    """An ensemble in memory, and the run it was stored as."""
    config = Config(
        DataConfig(preprocessing="standardize"),
        ModelConfig(tiny_model, 0.2),
        TrainingConfig(instances=2, epochs=2, batch_size=20, seed=3, eval_every=2),
    )
    ensemble = train_ensemble(config, small_digits, quick_execution)
    ensemble = dataclasses.replace(ensemble, flagged=VERDICTS[:1], replaced=VERDICTS[1:])
    folder = create_run_folder(config, tmp_path_factory.mktemp("runs") / "run")
    run = save_run(folder, config, ensemble, small_digits, {"seconds": {"train": 1.5}})
    return ensemble, run


@pytest.fixture
def copy(stored, tmp_path):
    return shutil.copytree(stored[1].path, tmp_path / "copy")


def test_a_run_comes_back(stored, copy):
    ensemble, saved = stored
    run = load_run(copy)
    assert run.config == saved.config
    assert run.seeds == (3, 4)
    assert run.flagged == VERDICTS[:1]
    assert run.replaced == VERDICTS[1:]
    assert run.image_shape == (8, 8, 1)
    assert run.categories == tuple("0123456789")
    np.testing.assert_array_equal(run.accuracy["train"], ensemble.train_accuracy)
    np.testing.assert_array_equal(run.accuracy["test"], ensemble.test_accuracy)


def test_its_networks_come_back_bit_for_bit(stored, copy):
    ensemble, _ = stored
    network, parameters = load_networks(load_run(copy), default_execution().convolution)
    assert network.layers == ensemble.network.layers
    leaves = map(jax.tree.leaves, (parameters, ensemble.parameters))
    for read, written in zip(*leaves, strict=True):
        np.testing.assert_array_equal(read, written)


def test_its_history_has_named_axes(stored, copy):
    ensemble, _ = stored
    history = load_history(load_run(copy))
    assert history.epoch.values.tolist() == [1, 2]
    assert history.seed.values.tolist() == [3, 4]
    for name in ("train_loss", "train_accuracy", "test_accuracy"):
        assert history[name].dims == ("epoch", "instance")
        np.testing.assert_array_equal(history[name].values, getattr(ensemble.history, name))
    assert np.isnan(history.test_accuracy.values[0]).all()


def test_the_manifest_knows_how_long_training_took(copy):
    assert json.loads((copy / "manifest.json").read_text())["seconds"] == {"train": 1.5}


def test_a_run_that_never_finished_is_not_opened(copy):
    (copy / "training.json").unlink()
    with pytest.raises(InputError, match=r"has not finished \(no training.json\); go on with"):
        load_run(copy)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"seeds": 3}'], ids=["a list", "nothing", "a number"]
)
def test_another_training_record_is_named(content, copy):
    (copy / "training.json").write_text(content)
    with pytest.raises(InputError, match=r"training\.json: not what `train` writes"):
        load_run(copy)


def test_missing_networks_are_a_failed_run(copy):
    shutil.rmtree(copy / "checkpoints")
    with pytest.raises(RunError, match="no checkpoint there; train again"):
        load_networks(load_run(copy), "xla")


def test_damaged_networks_are_a_failed_run(copy):
    (copy / "checkpoints" / "final" / "_METADATA").write_text("{")
    with pytest.raises(RunError, match="the checkpoint cannot be read"):
        load_networks(load_run(copy), "xla")


def test_a_data_set_that_has_changed_is_refused(stored, small_digits, monkeypatch):
    """Else a new split could show images that were trained on."""
    from ensemble_rsa.pipeline.extract import extract

    images = small_digits.train_images.copy()
    images[0, 0, 0, 0] ^= 1
    changed = dataclasses.replace(small_digits, train_images=images)
    monkeypatch.setattr(
        "ensemble_rsa.pipeline.extract.load_dataset", lambda *args, **options: changed
    )
    with pytest.raises(InputError, match="has changed since .* was trained on it"):
        extract(stored[1])

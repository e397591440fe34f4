"""Hours of training: images are counted where they lie, and every ensemble is in the sum."""

from dataclasses import replace

import pytest

from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.reproduce import estimate
from ensemble_rsa.training.memory import parameter_bytes
from ensemble_rsa.training.throughput import training_bytes

BASE = Config(DataConfig("cifar10"))


@pytest.fixture
def animals(tmp_path):
    """Ten cats and twenty dogs that are no images, and a hidden file."""
    for name, number in (("cat", 10), ("dog", 20)):
        (tmp_path / name).mkdir()
        for i in range(number):
            (tmp_path / name / f"{i}.png").touch()
    (tmp_path / "cat" / ".hidden").touch()
    return tmp_path


def of_folder(place, **data):
    training = TrainingConfig(instances=10, epochs=90)
    return Config(DataConfig(f"folder:{place}", **data), training=training)


def test_images_of_a_folder_are_counted_without_those_held_out(animals):
    assert estimate.training_images(of_folder(animals)) == 8 + 16
    assert estimate.training_images(of_folder(animals, test_fraction=0.5)) == 5 + 10
    (animals / "elm").mkdir()
    (animals / "elm" / "0.png").touch()
    own = animals / "own.json"  # the folder elm is in no category
    own.write_text('{"a": ["cat"], "b": ["dog"]}', encoding="utf-8")
    assert estimate.training_images(of_folder(animals, category_map=str(own))) == 8 + 16


def test_hours_follow_from_images_instances_and_multiplications(animals, monkeypatch):
    costs = {((64, 64, 3), 2): 35, ((32, 32, 3), 10): 7}
    cost = lambda blueprint: costs[blueprint.image_shape, blueprint.n_categories]
    monkeypatch.setattr(estimate, "multiplications", cost)
    half = replace(BASE, data=replace(BASE.data, part="first_half"))
    few = replace(BASE, data=replace(BASE.data, categories=tuple(map(str, range(3)))))
    configs = {"larger": of_folder(animals, image_size=64), "base": BASE, "half": half, "few": few}
    found = estimate.hours(configs, BASE, rate=1000.0)
    # 24 images, 90 epochs, 10 instances, at five times the multiplications of the base
    assert found["larger"] == pytest.approx(24 * 90 * 10 / 1000 * 5 / 3600)
    assert found["base"] == pytest.approx(50_000 * 350 * 10 / 1000 / 3600)
    assert found["half"] == pytest.approx(found["base"] / 2)
    assert found["few"] == pytest.approx(found["base"] * 3 / 10)


def test_the_sum_includes_alexnet_on_a_folder(animals, monkeypatch, tmp_path):
    measured = []
    monkeypatch.setattr(
        estimate, "images_per_second", lambda *args, **kwargs: measured.append(1) or 1.0
    )
    monkeypatch.setattr(estimate, "training_bytes", lambda *args: 25e8)
    monkeypatch.setattr(estimate, "free_bytes", lambda: 8e9)
    monkeypatch.setattr(estimate, "multiplications", lambda blueprint: 7)
    alexnet = replace(of_folder(animals), model=ModelConfig("alexnet"))
    ensembles = {"alexnet": alexnet, "all_cnn_c": BASE}
    store = tmp_path / "estimate.json"
    lines = estimate.estimate_in_words(ensembles, BASE, store)
    # 24 images × 90 epochs × 10 networks = 21,600 s; 50,000 × 350 × 10 = 175,000,000 s
    assert lines[0] == "alexnet: 10 networks, about 6.0 hours"
    assert lines[2].startswith("total: about 48,617.1 hours on ")
    # 50,000 images of 32 × 32 × 3 bytes
    assert (
        "memory: 10 × all_cnn_c (width 1) together 2.5 GB, images 0.2 GB in memory or on disk; "
        "8.0 GB are free"
    ) in lines
    assert estimate.estimate_in_words(ensembles, BASE, store) == lines
    assert measured == [1]  # once, for all pieces of a reproduction


@pytest.mark.slow
def test_the_compilers_memory_holds_parameters_and_momentum_of_every_instance():
    config = Config(DataConfig("digits"), ModelConfig(width=0.05), TrainingConfig(batch_size=4))
    one, three = (training_bytes(config, (8, 8, 1), 10, n) for n in (1, 3))
    blueprint = Blueprint(config.model, (8, 8, 1), 10)
    state = 2 * parameter_bytes(blueprint)  # parameters and momentum
    assert one > state
    assert three - one >= 2 * state

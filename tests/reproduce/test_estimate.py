"""Hours before training: images are counted where they lie, and nothing is left out of the sum."""

import pytest

from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.reproduce import estimate

BASE = Config(DataConfig("cifar10"), ModelConfig("all_cnn_c"), TrainingConfig())


@pytest.fixture
def animals(tmp_path):
    """Ten cats and twenty dogs that nobody may open, and a hidden file."""
    for name, number in (("cat", 10), ("dog", 20)):
        (tmp_path / name).mkdir()
        for i in range(number):
            (tmp_path / name / f"{i}.png").touch()
    (tmp_path / "cat" / ".hidden").touch()
    return tmp_path


def of_folder(place, model="all_cnn_c", **data):
    training = TrainingConfig(instances=10, epochs=90)
    return Config(DataConfig(f"folder:{place}", **data), ModelConfig(model), training)


def products_at(side, n_categories):
    """Multiplications of All-CNN-C by hand: kernels times places, layer by layer."""
    first, second, third = side**2, (side // 2) ** 2, (side // 4) ** 2
    maps = (side // 4 - 2) ** 2  # no padding in conv7
    return (
        first * (9 * 3 * 96 + 9 * 96 * 96)
        + second * (9 * 96 * 96 + 9 * 96 * 192 + 9 * 192 * 192)
        + third * 9 * 192 * 192
        + maps * (9 * 192 * 192 + 192 * 192 + 192 * n_categories)
    )


def test_images_of_a_folder_are_counted_without_those_held_out(animals):
    assert estimate.training_images(of_folder(animals)) == 8 + 16
    assert estimate.training_images(of_folder(animals, test_fraction=0.5)) == 5 + 10


def test_a_folder_with_its_own_split_gives_those_in_train(animals, tmp_path):
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / "split" / split / name).mkdir(parents=True)
            (tmp_path / "split" / split / name / "x.png").touch()
    (tmp_path / "split" / "train" / "a" / "y.png").touch()
    assert estimate.training_images(of_folder(tmp_path / "split")) == 3


def test_folders_that_no_category_is_made_of_do_not_count(animals):
    (animals / "elm").mkdir()
    (animals / "elm" / "0.png").touch()
    own = animals / "own.json"
    own.write_text('{"a": ["cat"], "b": ["dog"]}', encoding="utf-8")
    assert estimate.training_images(of_folder(animals, category_map=str(own))) == 8 + 16


def test_a_folder_without_categories_is_told_before_anything_is_trained(tmp_path):
    with pytest.raises(InputError, match="two or more category folders"):
        estimate.training_images(of_folder(tmp_path))


def test_hours_follow_from_images_and_their_size(animals):
    larger = of_folder(animals, image_size=64)
    found = estimate.hours({"larger": larger, "base": BASE}, BASE, rate=1000.0)
    # 24 images, 90 epochs, 10 instances, at the pace of the base's multiplications
    seconds = 24 * 90 * 10 / 1000 * products_at(64, 2) / products_at(32, 10)
    assert found["larger"] == pytest.approx(seconds / 3600, rel=1e-9)
    assert found["base"] == pytest.approx(50_000 * 350 * 10 / 1000 / 3600, rel=1e-9)


def test_the_sum_holds_alexnet_on_a_folder(animals, monkeypatch):
    monkeypatch.setattr(estimate, "measured_rate", lambda base: 1.0)
    monkeypatch.setattr(estimate, "multiplications", lambda blueprint: 7)
    ensembles = {"alexnet": of_folder(animals, model="alexnet"), "all_cnn_c": BASE}
    lines = estimate.estimate_in_words(ensembles, BASE)
    # 24 images × 90 epochs × 10 networks = 21,600 s; 50,000 × 350 × 10 = 175,000,000 s
    assert lines[0] == "alexnet: 10 networks, about 6.0 hours"
    assert lines[-1].startswith("all of it: about 48,617.1 hours on ")

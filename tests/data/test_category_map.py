"""Categories made of folders: what is read, what is refused, and the two maps that ship."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.category_map import (
    SHIPPED,
    category_groups,
    grouped_categories,
    read_category_map,
)  # fmt: skip
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError

FOLDERS = ("cat", "cow", "dog", "elm", "oak")
PETS_AND_TREES = {"tree": ["oak", "elm"], "pet": ["dog", "cat"]}


@pytest.fixture
def photographs(tmp_path):
    """Ten images of each folder, of one grey: 10 × folder + place."""
    for number, folder in enumerate(FOLDERS):
        (tmp_path / "images" / folder).mkdir(parents=True)
        for place in range(10):
            pixels = np.full((4, 4, 3), 10 * number + place, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / folder / f"{place}.png")
    return tmp_path / "images"


def written(path, groups):
    path.write_text(json.dumps(groups))
    return str(path)


def greys(images):
    return images[:, 0, 0, 0].tolist()


def load(path, stimulus_map=None, **settings):
    config = DataConfig(f"folder:{path}", image_size=4, **settings)
    return load_dataset(config, stimulus_map=stimulus_map)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "m.json cannot be read .*or one of animals, broad, cifar10"),
        ("{", "m.json cannot be read"),
        ('["a"]', "got something else"),
        ('{"a": "b", "c": ["d"]}', "got something else"),
        ('{"a": [1], "c": ["d"]}', "got something else"),
        ('{"a": ["b"]}', "two or more categories"),
        ('{"a": ["b"], "c": ["d", "b"]}', "each folder in only one"),
    ],
)
def test_other_content_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "m.json").write_text(content)
    with pytest.raises(InputError, match=f"category_map: .*{message}"):
        read_category_map(tmp_path / "m.json")


def test_errors_name_the_argument_of_the_caller(tmp_path):
    groups = {"tree": ["oak", "ash"], "pet": ["cat"]}
    for call in (
        lambda: category_groups(str(tmp_path / "m.json"), "stimulus_map"),
        lambda: category_groups(written(tmp_path / "n.json", ["a"]), "stimulus_map"),
        lambda: category_groups(written(tmp_path / "o.json", {"a": ["b"]}), "stimulus_map"),
        lambda: grouped_categories(FOLDERS, groups, "stimulus_map"),
    ):
        with pytest.raises(InputError, match="^stimulus_map: "):
            call()


def test_categories_of_several_folders(photographs, tmp_path):
    groups = written(tmp_path / "m.json", PETS_AND_TREES)
    data = load(photographs, category_map=groups)
    assert data.categories == ("pet", "tree")
    assert np.bincount(data.train_labels).tolist() == [16, 16]
    train, test = greys(data.train_images), greys(data.test_images)
    assert sorted(train + test) == [*range(10), *range(20, 50)]  # no cow
    assert [value >= 30 for value in train] == (data.train_labels == 1).tolist()
    assert [value >= 30 for value in test] == (data.test_labels == 1).tolist()
    few = load(photographs, category_map=groups, train_images=6)
    assert greys(few.train_images) == train[:3] + train[16:19]
    with pytest.raises(InputError, match=r"names 'ash', .* \(1 of 3 are not\)"):
        grouped_categories(FOLDERS, {"tree": ["oak", "ash"], "pet": ["cat"]})


def test_stimuli_of_other_categories_were_never_trained_on(photographs, tmp_path):
    training = written(tmp_path / "t.json", PETS_AND_TREES)
    shown = written(tmp_path / "s.json", {"animal": ["cat", "cow", "dog"], "oak": ["oak"]})
    trained_on = {*greys(load(photographs, category_map=training).train_images)}
    data = load(photographs, category_map=training, stimulus_map=shown)
    assert data.categories == ("animal", "oak")
    stimuli = greys(data.test_images)
    assert not {*stimuli} & trained_on
    assert {*range(10, 20)} < {*stimuli}  # all cows: the training left them out
    assert [value >= 40 for value in stimuli] == (data.test_labels == 1).tolist()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_maps_are_of_imagenet_classes(name):
    import tensorflow_datasets.datasets.imagenet2012 as imagenet2012

    classes = {*Path(imagenet2012.__path__[0], "labels.txt").read_text("utf-8").split()}
    groups = read_category_map(name)
    assert len(groups) == (2 if name == "animals" else 10)
    assert {folder for parts in groups.values() for folder in parts} <= classes
    assert min(map(len, groups.values())) >= (2 if name == "cifar10" else 10)
    if name == "animals":
        assert sum(map(len, groups.values())) == len(classes)


def test_known_classes_are_in_their_shipped_categories():
    # ids from the published list of the ILSVRC 2012 classes
    broad, cifar10 = read_category_map("broad"), read_category_map("cifar10")
    assert "n02085620" in {*broad["dog"]} & {*cifar10["dog"]}  # Chihuahua
    assert "n01440764" in broad["fish"]  # tench
    assert "n02123045" in cifar10["cat"]  # tabby
    assert "n02690373" in cifar10["airplane"]  # airliner
    animals = read_category_map("animals")["animal"]
    assert {*broad["dog"], *broad["fish"], *broad["insect"], *broad["bird"]} <= {*animals}
    assert not {"n02690373", "n07747607"} & {*animals}  # airliner, orange
    assert cifar10["horse"] == ["n02389026", "n02391049"]  # sorrel, zebra

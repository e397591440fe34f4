"""Data sets of TFDS by name: sizes, channels, splits and labels, and what is refused."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError, RunError

NAMES = ["square", "circle"]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return io.BytesIO(file.getvalue())


def image(split, number, shape):
    rng = np.random.default_rng(100 * (split == "train") + number)
    return rng.integers(0, 256, shape, np.uint8)


def define(name, shape, splits, features=None):
    """A data set of TFDS, registered under a name, whose images are random."""
    given = features or {
        "image": tfds.features.Image(shape=shape, encoding_format="png"),
        "label": tfds.features.ClassLabel(names=NAMES),
    }

    def examples(split):
        for number in range(6):
            own = [side or 5 + number for side in shape]
            label = NAMES[number % 2] if "label" in given else 0
            yield (
                number,
                {
                    "image": png(image(split, number, own)),
                    **({"label": label} if "label" in given else {}),
                },
            )

    def info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(given))

    body = {
        "VERSION": tfds.core.Version("1.0.0"),
        "_info": info,
        "_split_generators": lambda self, manager: {split: examples(split) for split in splits},
        "_generate_examples": lambda self: iter(()),
        "name": name,
        "__module__": __name__,
    }
    return type(tfds.core.GeneratorBasedBuilder)(name, (tfds.core.GeneratorBasedBuilder,), body)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    for name, shape, splits in [
        ("grey_shapes", (7, 6, 1), ["train", "test"]),
        ("large_shapes", (None, None, 3), ["train", "validation"]),
        ("half_shapes", (7, 6, 3), ["train"]),
    ]:
        define(name, shape, splits)(data_dir=folder).download_and_prepare(
            file_format="array_record"
        )
    bare = {"image": tfds.features.Image(shape=(7, 6, 3), encoding_format="png")}
    define("bare_shapes", (7, 6, 3), ["train", "test"], bare)(data_dir=folder).download_and_prepare(
        file_format="array_record"
    )
    return folder


def load(name, folder, **options):
    return load_dataset(DataConfig(f"tfds:{name}", str(folder), **options))


def test_images_keep_size_channels_and_labels(folder):
    dataset = load("grey_shapes", folder)
    assert dataset.categories == ("square", "circle")
    assert dataset.train_images.shape == (6, 7, 6, 1)
    expected = {image("train", n, (7, 6)).tobytes(): n % 2 for n in range(6)}
    found = {
        np.ascontiguousarray(pixels).tobytes(): int(label)
        for pixels, label in zip(dataset.train_images, dataset.train_labels, strict=True)
    }
    assert found == expected
    assert dataset.test_ids[0] == "test_0000000"
    again = load("grey_shapes", folder)  # from the cache
    np.testing.assert_array_equal(again.train_images, dataset.train_images)


def test_images_of_several_sizes_are_resized_and_validation_images_are_the_test_images(folder):
    dataset = load("large_shapes", folder, image_size=4)
    assert dataset.train_images.shape == dataset.test_images.shape == (6, 4, 4, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_shapes", "dataset: TFDS has no data set 'no_such_shapes'"),
        ("half_shapes", "to have the splits train and test or validation, got train"),
        ("bare_shapes", "to have an image and a label for each example, got image"),
    ],
)
def test_what_is_no_classification_set_is_refused(name, message, folder):
    with pytest.raises(InputError, match=message):
        load(name, folder)


def test_a_set_that_is_not_prepared_says_how(tmp_path, monkeypatch):
    def fail(*args, **options):
        raise OSError("no route")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    with pytest.raises(RunError, match="tfds build fashion_mnist --file_format=array_record"):
        load("fashion_mnist", tmp_path)
    with pytest.raises(InputError, match="dataset: expected tfds:NAME"):
        DataConfig("tfds:")

"""ImageNet as TFDS would have prepared it: a few small pictures of three of its classes."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from ensemble_rsa import files
from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data import tfds_records
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import RunError

CLASSES = ("n01440764", "n01443537", "n02085620")  # tench, goldfish, Chihuahua


def load(folder, groups=None, feed="memory"):
    config = DataConfig("imagenet2012", str(folder), image_size=4, category_map=groups)
    return load_dataset(config, feed)


def jpeg(grey):
    file = io.BytesIO()
    Image.fromarray(np.full((8, 12, 3), grey, np.uint8)).save(file, "JPEG", quality=95)
    return io.BytesIO(file.getvalue())


def make_recipe(labels_file):
    with tfds.core.registered.skip_registration():  # the name is taken

        class Imagenet2012(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("5.1.0")

            def _info(self):
                features = {
                    "image": tfds.features.Image(encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(names_file=labels_file),
                    "file_name": tfds.features.Text(),
                }
                features = tfds.features.FeaturesDict(features)
                return tfds.core.DatasetInfo(builder=self, features=features)

            def _split_generators(self, dl_manager):
                train, validation = self._generate_examples(0, 4), self._generate_examples(100, 2)
                return {"train": train, "validation": validation}

            def _generate_examples(self, first, n):
                for number, name in enumerate(CLASSES):
                    for k in range(n):
                        key, image = f"{name}_{k}.JPEG", jpeg(first + 10 * number + k)
                        yield key, {"image": image, "label": name, "file_name": key}

    return Imagenet2012


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    labels = tfds.core.tfds_path() / "datasets" / "imagenet2012" / "labels.txt"
    make_recipe(str(labels))(data_dir=folder).download_and_prepare(file_format="array_record")
    return folder


@pytest.fixture
def groups(tmp_path):
    file = tmp_path / "groups.json"
    file.write_text('{"fish": ["n01440764", "n01443537"], "dog": ["n02085620"]}')
    return str(file)


def test_images_of_mapped_classes_in_the_order_of_their_names(prepared, groups):
    data = load(prepared, groups)
    assert data.categories == ("dog", "fish")
    assert data.train_labels.tolist() == [1] * 8 + [0] * 4
    assert data.train_images.shape == (12, 4, 4, 3)
    expected = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    np.testing.assert_allclose(data.train_images[:, 0, 0, 0], expected, atol=1)
    assert data.test_ids[:3] == ("n01440764_0.JPEG", "n01440764_1.JPEG", "n01443537_0.JPEG")
    np.testing.assert_allclose(data.test_images[:, 3, 3, 2], [100, 101, 110, 111, 120, 121], atol=1)


def test_labels_and_ids_are_cached(prepared, groups, monkeypatch, tmp_path):
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "cache")
    first = load(prepared, groups)
    monkeypatch.setattr(tfds_records, "_all_features", None)  # would fail if it were called
    again = load(prepared, groups, feed="disk")
    assert again.files == first.files
    assert again.test_ids == first.test_ids
    np.testing.assert_array_equal(again.train_images[:], first.train_images)


def test_a_thousand_categories_without_a_mapping(prepared):
    data = load(prepared)
    assert len(data.categories) == 1000
    assert [data.categories[label] for label in data.test_labels[::2]] == list(CLASSES)


def test_absent_images_are_an_error_of_one_line(tmp_path):
    with pytest.raises(RunError) as caught:
        load(tmp_path)
    assert f"ImageNet was not found in {tmp_path}" in str(caught.value)
    assert "tfds build imagenet2012 --file_format=array_record" in str(caught.value)
    assert "\n" not in str(caught.value)

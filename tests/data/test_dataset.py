import numpy as np
import pytest
from sklearn.datasets import load_digits

from ensemble_rsa.data.dataset import DATASETS, load_dataset
from ensemble_rsa.errors import InputError


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_digits_hold_out_every_fifth_image_of_each_digit(digits):
    target = load_digits().target
    held_out = sorted(
        number for digit in range(10) for number in np.flatnonzero(target == digit)[4::5]
    )
    assert digits.test_ids == tuple(f"digits_{number:04d}" for number in held_out)
    assert digits.test_labels.tolist() == target[held_out].tolist()
    assert digits.categories == tuple("0123456789")


def test_digits_pixels_are_sixteenths_of_white(digits):
    bunch = load_digits()
    train = sorted(set(range(1797)) - {int(name[-4:]) for name in digits.test_ids})
    assert digits.train_images.shape == (1442, 8, 8, 1)
    assert digits.train_images.dtype == np.uint8
    np.testing.assert_allclose(
        digits.train_images[..., 0], bunch.images[train] * 255 / 16, atol=0.5
    )
    assert digits.train_labels.tolist() == bunch.target[train].tolist()


def test_a_part_is_the_first_of_each_category_in_the_order_of_the_whole(digits):
    part = load_dataset("digits", train_images=23, test_images=10)
    assert np.bincount(part.train_labels).tolist() == [3, 3, 3] + [2] * 7
    first = np.sort(
        np.concatenate(
            [np.flatnonzero(digits.train_labels == c)[: 3 if c < 3 else 2] for c in range(10)]
        )
    )
    np.testing.assert_array_equal(part.train_images, digits.train_images[first])
    np.testing.assert_array_equal(part.train_labels, digits.train_labels[first])
    assert sorted(part.test_labels.tolist()) == list(range(10))
    assert set(part.test_ids) < set(digits.test_ids)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mnist"}, "unknown 'mnist'; choose from digits, cifar10, folder:PATH"),
        ({"name": "digits:here"}, "unknown 'digits:here'"),
        ({"name": "folder"}, "expected folder:PATH"),
        ({"name": "folder:"}, "expected folder:PATH"),
        ({"train_images": 0}, "train_images: expected a positive whole number, got 0"),
        ({"test_images": -5}, "test_images: expected a positive whole number, got -5"),
        ({"train_images": 1443}, "train_images: expected at most 1442, .* got 1443"),
        ({"image_size": 0}, "image_size: expected a positive whole number"),
        ({"resize": "stretch"}, "resize: unknown 'stretch'; choose from crop, squash"),
        ({"test_fraction": 1.0}, "test_fraction: expected a share between 0 and 1, got 1.0"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        load_dataset(**{"name": "digits", **arguments})


def test_the_registry_names_every_source():
    assert list(DATASETS) == ["digits", "cifar10", "folder"]

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data import dataset
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.data.source import ImageSource, Split, StoredImages
from ensemble_rsa.errors import InputError


@pytest.fixture(scope="module")
def digits():
    return load_dataset(DataConfig("digits"))


def test_digits_hold_out_every_fifth_image_of_each_digit(digits):
    bunch = load_digits()
    target = bunch.target
    held_out = sorted(
        number for digit in range(10) for number in np.flatnonzero(target == digit)[4::5]
    )
    assert digits.test_ids == tuple(f"digits_{number:04d}" for number in held_out)
    assert digits.test_labels.tolist() == target[held_out].tolist()
    assert digits.categories == tuple("0123456789")
    train = sorted(set(range(1797)) - {int(name[-4:]) for name in digits.test_ids})
    assert digits.train_images.shape == (1442, 8, 8, 1)
    assert digits.train_images.dtype == np.uint8
    white = bunch.images[train] * 255 / 16  # of scikit-learn's pixels, 0 … 16
    np.testing.assert_allclose(digits.train_images[..., 0], white, atol=0.5)
    assert digits.train_labels.tolist() == target[train].tolist()


def test_a_part_is_the_first_of_each_category_in_the_order_of_the_whole(digits):
    part = load_dataset(DataConfig("digits", train_images=23, test_images=10))
    assert np.bincount(part.train_labels).tolist() == [3, 3, 3] + [2] * 7
    labels = digits.train_labels
    first = [i for i in range(200) if (labels[:i] == labels[i]).sum() < (3 if labels[i] < 3 else 2)]
    np.testing.assert_array_equal(part.train_images, digits.train_images[first])
    np.testing.assert_array_equal(part.train_labels, labels[first])
    assert sorted(part.test_labels.tolist()) == list(range(10))
    assert set(part.test_ids) < set(digits.test_ids)


@pytest.fixture
def three_groups(monkeypatch):
    """Twelve training and six test images of a, b and c; a pixel is its image's place."""
    train, test = np.array([0, 0, 1, 2, 0, 1, 2, 2, 1, 0, 2, 2]), np.array([0, 1, 2, 2, 1, 0])

    def split(labels, first):
        ids = tuple(f"image_{first + n}" for n in range(len(labels)))
        return Split(labels, ids, lambda number: np.full((1, 1, 1), first + number, np.uint8))

    source = ImageSource(("a", "b", "c"), split(train, 0), split(test, 100), (1, 1, 1))
    monkeypatch.setitem(dataset.SOURCES, "digits", lambda config: source)
    return lambda feed="memory", **settings: load_dataset(DataConfig("digits", **settings), feed)


def places(images):
    return images.ravel().tolist()


def test_halves_of_each_category(three_groups):
    # a is images 0, 1, 4, 9; b is 2, 5, 8; c is 3, 6, 7, 10, 11
    first = three_groups(part="first_half")
    second = three_groups(part="second_half")
    assert places(first.train_images) == [0, 1, 2, 3, 6]
    assert places(second.train_images) == [4, 5, 7, 8, 9, 10, 11]  # the middle ones, 5 and 7, too
    assert first.train_labels.tolist() == [0, 0, 1, 2, 2]
    assert places(first.test_images) == places(second.test_images) == [*range(100, 106)]
    # halves are taken after the images are chosen
    assert places(three_groups(train_images=6, part="first_half").train_images) == [0, 2, 3]
    assert places(three_groups(train_images=6, part="second_half").train_images) == [1, 5, 6]


def test_some_categories_of_training_and_test(three_groups):
    data = three_groups(categories=("c", "a"))
    assert data.categories == ("a", "c")
    assert places(data.train_images) == [0, 1, 3, 4, 6, 7, 9, 10, 11]
    assert data.train_labels.tolist() == [0, 0, 1, 0, 1, 1, 0, 1, 1]
    assert places(data.test_images) == [100, 102, 103, 105]
    assert data.test_labels.tolist() == [0, 1, 1, 0]
    # numbers of images are shared out over all categories before some of these are left out
    few = three_groups(categories=("a", "c"), train_images=6, test_images=3)
    assert places(few.train_images) == [0, 1, 3, 6]
    assert places(few.test_images) == [100, 102]
    with pytest.raises(InputError, match="categories: unknown 'd'; choose from a, b, c"):
        three_groups(categories=("a", "d"))


def test_images_on_disk_are_read_when_they_are_indexed(three_groups):
    stored = three_groups(feed="disk", categories=("a", "c")).train_images
    assert stored.shape == (9, 1, 1, 1)
    assert places(stored[2:5]) == [3, 4, 6]
    assert places(stored[np.array([8, 0])]) == [11, 0]


def test_images_that_would_fill_the_memory_stay_on_disk(three_groups, monkeypatch, caplog):
    for free, on_disk in ((73, False), (71, True)):  # 18 images of a byte, a quarter of 72
        monkeypatch.setattr(dataset, "free_host_bytes", lambda free=free: float(free))
        caplog.clear()
        with caplog.at_level("INFO", "ensemble_rsa"):
            images = three_groups(feed="auto").train_images
        assert isinstance(images, StoredImages) == on_disk
        assert ("18 images would take" in caplog.text) == on_disk

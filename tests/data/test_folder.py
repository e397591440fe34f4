import numpy as np
import pytest
from PIL import Image

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)


def plain(value, height=8, width=8):
    return np.full((height, width, 3), value)


@pytest.fixture
def animals(tmp_path):
    for position in range(10):
        save(tmp_path / "cat" / f"{position}.png", plain(position))
        save(tmp_path / "dog" / f"{position}.bmp", plain(100 + position))
    return tmp_path


def load(path, image_size=8, **settings):
    return load_dataset(DataConfig(f"folder:{path}", image_size=image_size, **settings))


def test_a_seeded_split_keeps_every_visible_image_once_and_in_order(animals):
    (animals / "cat" / ".DS_Store").write_bytes(b"finder")
    (animals / ".cache").mkdir()
    (animals / "README.txt").write_text("two animals")
    data = load(animals)
    assert data.categories == ("cat", "dog")
    assert np.bincount(data.train_labels).tolist() == [8, 8]
    assert np.bincount(data.test_labels).tolist() == [2, 2]
    train, test = data.train_images[:, 0, 0, 0].tolist(), data.test_images[:, 0, 0, 0].tolist()
    assert train == sorted(train)
    assert sorted(train + test) == [*range(10), *range(100, 110)]
    names = [f"cat/{v}.png" if v < 100 else f"dog/{v - 100}.bmp" for v in test]
    assert data.test_ids == tuple(names) == load(animals).test_ids
    for fraction, n_test in ((0.01, 1), (0.99, 9), (0.5, 5)):
        labels = load(animals, test_fraction=fraction).test_labels
        assert np.bincount(labels).tolist() == [n_test] * 2


def test_train_and_test_folders_are_the_split(tmp_path):
    for part, value in (("train", 10), ("test", 20), ("val", 30)):
        for category in ("b", "a"):
            save(tmp_path / part / category / "x.png", plain(value + (category == "b")))
    data = load(tmp_path)
    assert data.train_images[:, 0, 0, 0].tolist() == [10, 11]
    assert data.test_images[:, 0, 0, 0].tolist() == [20, 21]
    assert data.test_ids == ("test/a/x.png", "test/b/x.png")
    save(tmp_path / "test" / "c" / "x.png", plain(0))
    with pytest.raises(InputError, match="'c' is in only one of them"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("resize", "column"), [("crop", [40, 40, 60, 60]), ("squash", [20, 40, 60, 80])]
)
def test_resizing(tmp_path, resize, column):
    # Four bands of 4 × 4 pixels, wide and tall; half size without rounding across the bands.
    bands = np.repeat([20, 40, 60, 80], 4)
    wide = np.broadcast_to(bands[None, :, None], (8, 16, 3))
    for category in ("a", "b"):
        save(tmp_path / category / "wide.png", wide)
        save(tmp_path / category / "tall.png", wide.swapaxes(0, 1))
    data = load(tmp_path, 4, resize=resize, test_fraction=0.5)
    for image in (*data.train_images, *data.test_images):
        lengthwise = image[0, :, 0] if image[0, 0, 0] != image[0, -1, 0] else image[:, 0, 0]
        # The filter is as wide as the reduction, so each band bleeds a little into the next.
        np.testing.assert_allclose(lengthwise, column, atol=3)


def test_orientation_and_grey_images(tmp_path):
    half = np.zeros((8, 8), np.uint8)
    half[:, :4] = 255
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down: left and right trade places
    for category in ("a", "b"):
        save(tmp_path / "train" / category / "x.png", half)
        save(tmp_path / "test" / category / "x.png", half, exif=turned)
    data = load(tmp_path)
    expected = np.repeat(half[..., None], 3, axis=2)
    np.testing.assert_array_equal(data.train_images[0], expected)
    np.testing.assert_array_equal(data.test_images[0], expected[::-1, ::-1])


@pytest.mark.parametrize("n_bytes", [0, 2000])
def test_an_unreadable_file_is_named(animals, n_bytes):
    file = animals / "dog" / "cut.png"
    save(file, np.random.default_rng(0).integers(0, 256, (64, 64, 3)))
    file.write_bytes(file.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match="dog/cut.png cannot be read as an image"):
        load(animals)
    assert len(load(animals, train_images=4, test_images=2).train_images) == 4  # it is not decoded


def test_a_file_or_a_folder_without_two_categories(tmp_path):
    save(tmp_path / "x.png", plain(0))
    with pytest.raises(InputError, match=f"expected a folder .* got {tmp_path}/x.png"):
        load(tmp_path / "x.png")
    with pytest.raises(InputError, match="two or more category folders in .*, found none"):
        load(tmp_path)
    save(tmp_path / "cat" / "x.png", plain(0))
    with pytest.raises(InputError, match="found only 'cat'"):
        load(tmp_path)


def test_an_empty_category_a_single_image_and_a_nested_folder(animals):
    (animals / "eel").mkdir()
    with pytest.raises(InputError, match="category 'eel' has no images"):
        load(animals)
    save(animals / "eel" / "x.png", plain(0))
    with pytest.raises(InputError, match="at least 2 images of each category, .*'eel' has 1"):
        load(animals)
    (animals / "eel" / "young").mkdir()
    with pytest.raises(InputError, match="only images in category 'eel', found the folder"):
        load(animals)

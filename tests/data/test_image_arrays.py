"""Images in arrays: what is stored is what is trained on, and what is refused."""

import numpy as np
import pytest

import ensemble_rsa as ersa
from ensemble_rsa.cli.main import main
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3))
LABELS = ["cat", "dog", "cow", "owl"] * 5


def test_images_and_labels_come_back(tmp_path):
    test = PIXELS[:4].astype(np.uint8) // 2
    data = ersa.data_from_arrays(tmp_path / "a.npz", PIXELS, LABELS, test, LABELS[:4])
    found = load_dataset(data)
    assert found.categories == ("cat", "cow", "dog", "owl")
    np.testing.assert_array_equal(found.train_images, PIXELS)
    assert [found.categories[label] for label in found.train_labels] == LABELS
    np.testing.assert_array_equal(found.test_images, test)
    assert found.test_ids == tuple(f"test_image_{i}" for i in range(4))


def test_numbers_from_0_to_1_are_rounded_and_a_share_of_each_category_is_held_out(tmp_path):
    torch_like = (PIXELS[..., 0] / 255).astype(np.float32)
    data = ersa.data_from_arrays(
        tmp_path / "a.npz", torch_like, np.arange(20) % 4, test_fraction=0.4
    )
    found = load_dataset(data)
    assert found.categories == ("0", "1", "2", "3")
    assert found.train_images.shape == (12, 6, 5, 1)
    assert np.bincount(found.test_labels).tolist() == [2, 2, 2, 2]
    held_out = [int(name.removeprefix("image_")) for name in found.test_ids]
    np.testing.assert_array_equal(found.test_images[..., 0], PIXELS[held_out, ..., 0])
    assert (np.array(held_out) % 4 == found.test_labels).all()


def test_a_run_on_arrays_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    ersa.data_from_arrays("a.npz", rng.random((40, 8, 8)), np.arange(40) % 4)
    settings = {
        "dataset": "arrays:a.npz", "preprocessing": "standardize", "instances": "2",
        "epochs": "1", "batch-size": "8", "model": "mlp", "out": "run",
    }  # fmt: skip
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    words += ["--model-arg", "hidden=8", "depth=1", "--quiet"]
    assert main(["train", *words]) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    rdms = ersa.extract("../run", settings=ersa.AnalysisConfig.of(stimuli=8))
    assert rdms.sizes["instance"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PIXELS[0, 0], LABELS), r"images: expected shape .*, got \(5, 3\)"),
        ((PIXELS[0], LABELS), "labels: expected one label for each of 6 images, got 20"),
        ((PIXELS[..., :2], LABELS), r"images: expected shape .* three channels, got \(20, 6, 5, 2"),
        ((PIXELS + 1, LABELS), "images: expected whole numbers from 0 to 255, got 1 to 256"),
        ((PIXELS / 1.0, LABELS), "images: expected numbers from 0 to 1, got 0 to 255"),
        ((PIXELS / np.nan, LABELS), "images: expected numbers from 0 to 1, got nan to nan"),
        ((PIXELS, LABELS[1:]), "labels: expected one label for each of 20 images, got 19"),
        ((PIXELS, LABELS, PIXELS), "test_images: expected test_images and test_labels together"),
    ],
)
def test_what_is_refused(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        ersa.data_from_arrays(tmp_path / "a.npz", *arguments)
    assert not list(tmp_path.iterdir())


def test_files_that_are_refused(tmp_path):
    with pytest.raises(InputError, match="path: expected a file that ends in .npz, got"):
        ersa.data_from_arrays(tmp_path / "a.npy", PIXELS, LABELS)
    np.savez(tmp_path / "other.npz", x=PIXELS)
    (tmp_path / "text.npz").write_text("no archive")
    with (tmp_path / "single.npz").open("wb") as file:
        np.save(file, PIXELS)
    other = ersa.data_from_arrays(tmp_path / "new.npz", PIXELS, LABELS, PIXELS, ["elk"] * 20)
    for data, message in {
        f"arrays:{tmp_path}/gone.npz": "dataset: no such file",
        f"arrays:{tmp_path}/text.npz": "cannot be read as a file of numpy.savez",
        f"arrays:{tmp_path}/other.npz": "expected images and labels .* got x",
        f"arrays:{tmp_path}/single.npz": "expected images and labels .* got a single array",
        other.dataset: "expected training images of every category .* got none of 'elk'",
    }.items():
        with pytest.raises(InputError, match=message):
            load_dataset(ersa.DataConfig(data))
    with pytest.raises(InputError, match="dataset: expected arrays:FILE"):
        ersa.DataConfig("arrays:")

import io
import json
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from ensemble_rsa import files
from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data import cifar10
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError, RunError

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load(folder, **settings):
    return load_dataset(DataConfig("cifar10", str(folder), **settings))


def write_archive(path):
    """Six images in each of the six files; image i of a split is the colour (i, label, 7)."""
    files = {"batches.meta.txt": "\n".join([*NAMES, ""]).encode()}
    for name, start in [*((f"data_batch_{b + 1}", 6 * b) for b in range(5)), ("test_batch", 0)]:
        files[f"{name}.bin"] = b"".join(
            bytes([i % 10]) + bytes([i]) * 1024 + bytes([i % 10]) * 1024 + b"\7" * 1024
            for i in range(start, start + 6)
        )
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """What a download leaves, had CIFAR-10 thirty training and six test images."""
    folder = tmp_path_factory.mktemp("tfds")
    archive = folder / "archive.tar.gz"
    write_archive(archive)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urllib.request, "urlopen", lambda request, timeout: io.BytesIO())
        patch.setattr(tfds.download.DownloadManager, "download", lambda self, url: archive)
        load(folder)
    return folder


@pytest.fixture
def copy(prepared, tmp_path):
    shutil.copytree(prepared / "cifar10", tmp_path / "cifar10")
    return tmp_path


def test_a_download_becomes_what_tfds_reads_by_itself(prepared):
    source = tfds.data_source("cifar10", split="test", data_dir=prepared, download=False)
    found = {example["id"]: example for example in source}
    assert sorted(found) == [f"test_{number:05d}".encode() for number in range(6)]
    for number in range(6):
        example = found[f"test_{number:05d}".encode()]
        assert example["label"] == number
        assert (example["image"] == np.array([number, number, 7])).all()


def test_images_come_in_the_order_of_their_ids_in_silence(prepared, capfd, caplog):
    data = load(prepared)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert data.categories == NAMES
    assert data.test_ids == tuple(f"test_{number:05d}" for number in range(6))
    assert data.test_labels.tolist() == [*range(6)]
    assert data.train_images.shape == (30, 32, 32, 3)
    assert data.train_images[:, 5, 9].tolist() == [[i, i % 10, 7] for i in range(30)]


def test_images_are_decoded_once_until_their_files_change(copy, tmp_path, monkeypatch):
    decoded, decode = [], cifar10._decode
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(cifar10, "_decode", lambda data: decoded.append(1) or decode(data))
    first = load(copy, train_images=20, test_images=5)
    assert first.train_images[:, 0, 0, 0].tolist() == [*range(20)]
    again = load(copy)
    assert again.train_images[:, 0, 0, 0].tolist() == [*range(30)]
    assert again.test_images[:, 0, 0, 0].tolist() == [*range(6)]
    assert len(decoded) == 36
    for file in copy.glob("cifar10/3.0.2/*-test.*"):
        os.utime(file, (0, 0))
    load(copy)
    assert len(decoded) == 36 + 6  # the test images alone


def cut_off(content):
    return content[: len(content) // 2]


def with_a_hole(content):
    return content[:-2000] + bytes(1000) + content[-1000:]


def without_checksum(content):
    return content[:-4]


@pytest.mark.parametrize("suffix", ["npz", "npy"])
@pytest.mark.parametrize("damage", [bytes, cut_off, with_a_hole, lambda _: b"", without_checksum])
def test_a_damaged_cache_is_made_anew(copy, tmp_path, monkeypatch, caplog, suffix, damage):
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "cache")
    whole = load(copy)
    (cached,) = (tmp_path / "cache").glob(f"cifar10-train-*.{suffix}")
    content = cached.read_bytes()
    cached.write_bytes(damage(content))
    again = load(copy)
    np.testing.assert_array_equal(again.train_images, whole.train_images)
    assert again.test_ids == whole.test_ids
    assert again.train_labels.tolist() == whole.train_labels.tolist()
    assert ("made anew" in caplog.text) == (damage is not bytes)
    caplog.clear()
    load(copy)
    assert caplog.text == ""
    assert len(cached.read_bytes()) == len(content)


def test_a_cache_that_cannot_be_written_is_logged(copy, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "file" / "cache")
    data = load(copy)
    assert data.train_images[:, 0, 0, 0].tolist() == [*range(30)]
    assert "decoded again each time" in caplog.text


def test_absent_without_network_is_an_error_of_one_line_and_leaves_no_files(tmp_path, monkeypatch):
    def refuse(request, timeout):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(RunError) as caught:
        load(tmp_path)
    assert f"was not found in {tmp_path}" in str(caught.value)
    assert "www.cs.toronto.edu cannot be reached" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_fails_leaves_no_data_set(tmp_path, monkeypatch):
    def fail(self, url):
        raise OSError("connection lost\nand a long story")

    monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: io.BytesIO())
    monkeypatch.setattr(tfds.download.DownloadManager, "download", fail)
    with pytest.raises(RunError, match=r"could not be downloaded to .*\(connection lost\)"):
        load(tmp_path)
    assert list(tmp_path.glob("cifar10/*")) == []


def test_a_copy_that_lacks_a_file_or_needs_tensorflow(copy):
    folder = copy / "cifar10" / "3.0.2"
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps({**info, "fileFormat": "tfrecord"}))
    for file in folder.glob("*.array_record-*"):
        file.rename(str(file).replace("array_record", "tfrecord"))
    with pytest.raises(RunError, match="a format that only TensorFlow can read"):
        load(copy)
    (folder / "dataset_info.json").write_text(json.dumps(info))  # but there is no such file
    with pytest.raises(RunError, match=f"CIFAR-10 in {folder} cannot be read"):
        load(copy)
    with pytest.raises(InputError, match="data_dir: expected a folder of TFDS, got the file"):
        load(folder / "dataset_info.json")


@pytest.mark.slow  # decodes all 60,000
def test_the_real_images():
    root = Path(__file__).parents[2]
    candidates = [os.environ.get("TFDS_DATA_DIR"), root.parent / "shared" / "tensorflow_datasets"]
    found = [Path(c) for c in candidates if c and (Path(c) / "cifar10").is_dir()]
    if not found:
        pytest.skip("CIFAR-10 is neither in $TFDS_DATA_DIR nor in ../shared/tensorflow_datasets")
    data = load(found[0], train_images=1000, test_images=50)
    assert np.bincount(data.train_labels).tolist() == [100] * 10
    assert np.bincount(data.test_labels).tolist() == [5] * 10
    assert data.categories == NAMES
    assert list(data.test_ids) == sorted(data.test_ids)
    # The widely quoted channel means of the training set are 0.4914, 0.4822 and 0.4465 of white.
    means = data.train_images.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.03)

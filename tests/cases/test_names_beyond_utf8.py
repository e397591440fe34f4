"""File names, paths and labels with bytes that are not UTF-8, as old disks have them."""

import json
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.config.serialize import config_from_dict, config_to_dict
from ensemble_rsa.config.settings import Config, DataConfig
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.sources import source_from_arrays
from ensemble_rsa.figures.style import shorten
from ensemble_rsa.interop.rsatoolbox import load_rdms, save_rdms
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.report.page import write_page
from ensemble_rsa.runs.run import fingerprint
from ensemble_rsa.runs.run_folder import create_run_folder
from tests.cases.image_files import RGB, png

LATIN = "caf\udce9"  # what Python makes of the bytes of "café" in Latin-1
SHOWN = r"caf\xe9"


def test_images_keep_the_bytes_of_their_names_as_escapes(tmp_path):
    if sys.platform in ("darwin", "win32"):
        pytest.skip("this system allows no such names")
    for part in ("train", "test"):
        for category in (LATIN, "tea"):
            file = tmp_path / part / category / f"{LATIN}.png"
            file.parent.mkdir(parents=True)
            file.write_bytes(png(np.full((2, 2, 3), len(category)), RGB, 8))
    data = load_dataset(DataConfig(f"folder:{tmp_path}", image_size=2))
    assert data.categories == (SHOWN, "tea")
    assert data.test_ids == (f"test/{SHOWN}/{SHOWN}.png", f"test/tea/{SHOWN}.png")
    assert data.test_images[:, 0, 0, 0].tolist() == [4, 3]
    assert len(fingerprint(data)) == 32
    (tmp_path / "test" / LATIN / f"{LATIN}.png").write_bytes(b"no image")
    with pytest.raises(InputError) as caught:
        load_dataset(DataConfig(f"folder:{tmp_path}", image_size=2))
    assert SHOWN in str(caught.value).encode().decode()  # which a surrogate would not allow


def test_a_configuration_keeps_the_path_of_its_images(tmp_path):
    config = Config(DataConfig(f"folder:/{LATIN} 猫 \U0001f600"))
    files.write_json(tmp_path / "config.json", config_to_dict(config))
    text = (tmp_path / "config.json").read_bytes().decode()  # valid UTF-8
    assert json.loads(text)["data"]["dataset"] == config.data.dataset
    assert config_from_dict(files.read_json(tmp_path / "config.json")) == config


def test_labels_and_stimuli_reach_every_file(tmp_path, rng):
    patterns = xr.DataArray(
        rng.normal(size=(2, 4, 5)),
        dims=("instance", "stimulus", "unit"),
        coords={"stimulus": [f"{LATIN}{i}" for i in range(4)]},
    )
    labels = [b"caf\xe9", b"caf\xe9", b"tea", b"tea"]
    rdms = extract({"猫": patterns}, labels=labels)
    save_rdms(tmp_path / "rdms.h5", rdms.assign_attrs(title=LATIN))
    files.write_dataset(tmp_path / "results.nc", rdms)
    stored = load_rdms(tmp_path / "rdms.h5")
    with xr.open_dataset(tmp_path / "results.nc", engine="h5netcdf") as results:
        for each in (stored, results):
            assert each.category.values.tolist() == [SHOWN] * 2 + ["tea"] * 2
            assert each.stimulus.values.tolist() == [f"{SHOWN}{i}" for i in range(4)]
            assert each.layer.values.tolist() == ["猫"]
    with h5py.File(tmp_path / "rdms.h5") as file:
        assert file["descriptors"].attrs["title"] == SHOWN
    source = source_from_arrays({"a": patterns.values}, ["a\0b", "a\0b", "c", "c"])
    assert source.categories[0] == r"a\x00b"  # HDF5 text ends at such a character


def test_figures_and_pages_show_escapes(tmp_path):
    assert shorten(LATIN) == SHOWN
    path = write_page(
        tmp_path / "page.html", "page", [], {"Settings": {"dataset": LATIN}}, title=LATIN,
        setting="", created="",
    )  # fmt: skip
    assert r"caf\udce9" in path.read_text(encoding="utf-8")


def test_a_run_folder_with_such_a_name_is_refused_before_training(tmp_path):
    with pytest.raises(InputError, match=r"out: expected a path in UTF-8, .* got .*caf\\xe9"):
        create_run_folder(Config(), tmp_path / LATIN)
    assert list(tmp_path.iterdir()) == []

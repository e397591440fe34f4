"""Transparent pixels show the background, whatever colour is stored under them."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from ensemble_rsa.config.serialize import config_from_dict, config_hash
from ensemble_rsa.config.settings import Config, DataConfig
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError
from tests.cases.image_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, png

RED, WHITE, DARK = (255, 0, 0), (255, 255, 255), (64, 64, 64)
OPAQUE = png(np.zeros((2, 2, 3)), RGB, 8)


def grey(*values):
    return [(value,) * 3 for value in values]


def as_webp(pixels):
    file = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(file, "WEBP", lossless=True, exact=True)
    return file.getvalue()


# Two pixels in a row: the file, and what shows on white, by the definition of compositing:
# alpha · colour + (1 − alpha) · background.
CASES = {
    "rgba": (png([[[255, 0, 0, 255], [0, 0, 0, 0]]], RGBA, 8), [RED, WHITE]),
    "half": (png([[[255, 0, 0, 51], [0, 0, 0, 102]]], RGBA, 8), [(255, 204, 204), *grey(153)]),
    "grey": (png([[[64, 255], [0, 0]]], GREY_ALPHA, 8), [DARK, WHITE]),
    "palette": (
        png([[0, 1]], PALETTE, 8, PLTE=bytes([255, 0, 0, 9, 9, 9]), tRNS=bytes([255, 51])),
        [RED, *grey(206)],
    ),
    "one bit": (png([[0, 1]], GREY, 1, tRNS=struct.pack(">H", 0)), grey(255, 255)),
    "two bits": (png([[1, 2]], GREY, 2, tRNS=struct.pack(">H", 1)), grey(255, 170)),
    "four bits": (png([[7, 3]], GREY, 4, tRNS=struct.pack(">H", 7)), grey(255, 51)),
    "colour key": (
        png([[[9, 9, 9], [255, 0, 0]]], RGB, 8, tRNS=struct.pack(">HHH", 9, 9, 9)),
        [WHITE, RED],
    ),
    "16-bit grey": (
        png([[257 * 64, 0], [65535, 0]], GREY, tRNS=struct.pack(">H", 0)), grey(64, 255),
    ),
    "16-bit grey and alpha": (
        png([[[257 * 64, 65535], [65535, 0]], [[65535, 0]] * 2], GREY_ALPHA), grey(64, 255),
    ),
    "16-bit rgba": (
        png([[[65535, 0, 0, 65535], [0, 0, 0, 0]], [[0] * 4] * 2], RGBA), [RED, WHITE],
    ),
    "webp": (as_webp([[[255, 0, 0, 255], [0, 0, 0, 0]]]), [RED, WHITE]),
}  # fmt: skip


def load(folder, image, **settings):
    path = folder(
        {"train/a/x.png": OPAQUE, "train/b/x.png": OPAQUE, "test/a/x": image, "test/b/x": OPAQUE}
    )
    return load_dataset(DataConfig(f"folder:{path}", image_size=2, resize="squash", **settings))


@pytest.mark.parametrize("case", CASES)
def test_transparent_pixels_show_the_background(folder, case):
    image, row = CASES[case]
    data = load(folder, image)
    np.testing.assert_array_equal(data.test_images[0][0], row)
    assert data.conversions["composited on white"] == {"train": 0, "test": 1}


@pytest.mark.parametrize(("background", "shown"), [("black", 0), ("#808080", 128)])
def test_the_background_is_a_setting(folder, background, shown):
    data = load(folder, CASES["rgba"][0], background=background)
    assert data.test_images[0][0].tolist() == [[255, 0, 0], [shown] * 3]


def test_an_opaque_alpha_channel_changes_no_pixel(folder, rng):
    pixels = rng.integers(0, 256, (2, 2, 4))
    pixels[..., 3] = 255
    np.testing.assert_array_equal(
        load(folder, png(pixels, RGBA, 8)).test_images[0], pixels[..., :3]
    )


def test_images_without_transparency_are_not_mentioned(folder):
    assert load(folder, OPAQUE).conversions == {}


def test_runs_of_earlier_versions_keep_their_hash_and_are_read():
    plain = Config(DataConfig("folder:/pictures"))
    black = Config(DataConfig("folder:/pictures", background="black"))
    assert config_hash(plain) == "633599a18e35"  # by the version before there was a background
    assert config_hash(black) != config_hash(plain)
    assert config_from_dict({"data": {"dataset": "folder:/pictures"}}) == plain


@pytest.mark.parametrize("colour", ["whitish", "#12", "", "#ffffff00"])
def test_a_background_that_is_no_opaque_colour_is_refused(colour):
    with pytest.raises(InputError, match="background: expected a colour such as white"):
        DataConfig(background=colour)

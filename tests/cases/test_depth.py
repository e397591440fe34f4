"""Samples of more than 8 bits, or with a sign, are scaled by one rule for a whole data set."""

import io

import numpy as np
import pytest
from PIL import Image

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError
from tests.cases.image_files import GREY, GREY_ALPHA, RGB, RGBA, png, tiff

ORDINARY = png(np.zeros((4, 4, 3)), RGB, 8)
RAMP = np.arange(16).reshape(4, 4)
TWELVE = (RAMP * 273).astype(np.uint16)  # 0 … 4095 in 16 steps of 1/15
SIXTEEN = (RAMP * 4369).astype(np.uint16)  # 0 … 65535
GREYS = RAMP * 17  # the same shares of white in 8 bits


def pgm(pixels, maximum, letter=b"P5"):
    big = pixels.astype(">u2").tobytes()
    data = b" ".join(b"%d" % value for value in pixels.ravel()) if letter in (b"P2",) else big
    return b"%s %d %d %d\n%s" % (letter, pixels.shape[1], pixels.shape[0], maximum, data)


def colour(pixels):
    return np.stack([pixels, pixels[::-1], pixels.T], axis=-1)


def packed(pixels):
    """Samples of 12 bits without gaps."""
    bits = np.unpackbits(pixels.astype(">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 4:]
    return np.packbits(bits).tobytes()


def load(folder, **files):
    """The images of four files, in the order test/a, test/b, train/a, train/b; others ordinary."""
    names = ("test/a/x", "test/b/x", "train/a/x", "train/b/x")
    given = dict(zip(names, [*files.values(), *[ORDINARY] * 4], strict=False))
    data = load_dataset(DataConfig(f"folder:{folder(given)}", image_size=4))
    return [*data.test_images, *data.train_images], data.conversions


GREY_FILES = {
    "12 bits in PNG": png(TWELVE, GREY),
    "12 bits in TIFF": tiff(TWELVE),
    "12 bits in big-endian TIFF": tiff(TWELVE, ">"),
    "12 bits, compressed": tiff(TWELVE, compress=True),
    "12 bits packed": tiff(packed(TWELVE), shape=(4, 4), bits=12),
    "10 bits": png(RAMP * 68, GREY),
    "14 bits": tiff((RAMP * 1092).astype(np.uint16)),
    "16 bits": png(SIXTEEN, GREY),
    "signed 16 bits without negative values": tiff(TWELVE.astype(np.int16)),
    "signed, from lowest to highest": tiff(((RAMP - 8) * 100).astype(np.int16)),
    "signed, compressed big-endian": tiff(((RAMP - 8) * 100).astype(np.int16), ">", compress=True),
    "signed 8 bits": tiff((RAMP - 8).astype(np.int8)),
    "32 bits": tiff(SIXTEEN.astype(np.int32)),
    "unsigned 32 bits up to the largest": tiff((RAMP * 286331153).astype(np.uint32)),
    "32 bits, compressed big-endian": tiff(SIXTEEN.astype(np.int32), ">", compress=True),
    "floats from 0 to 1": tiff((RAMP / 15).astype(np.float32)),
    "floats from 0 to 255": tiff((RAMP * 17).astype(np.float32)),
    "floats with negative values": tiff((RAMP / 7.5 - 1).astype(np.float32)),
    "floats, compressed big-endian": tiff((RAMP / 15).astype(np.float32), ">", compress=True),
    "white is zero": tiff(SIXTEEN[::-1, ::-1].copy(), photometric=0),
    "PGM that states 12 bits": pgm(TWELVE, 4095),
    "PGM that states 1000": pgm(np.rint(RAMP * 1000 / 15), 1000),
    "PGM as text": pgm(TWELVE, 4095, b"P2"),
    "PGM that states 16 bits and holds 12": pgm(TWELVE, 65535),
}
COLOUR_FILES = {
    "12 bits in PNG": png(colour(TWELVE), RGB),
    "12 bits in TIFF": tiff(colour(TWELVE), photometric=2),
    "12 bits in big-endian TIFF": tiff(colour(TWELVE), ">", photometric=2),
    "12 bits, compressed": tiff(colour(TWELVE), photometric=2, compress=True),
    "16 bits": png(colour(SIXTEEN), RGB),
    "PPM that states 12 bits": pgm(colour(TWELVE), 4095, b"P6"),
    "PPM that states 16 bits and holds 12": pgm(colour(TWELVE), 65535, b"P6"),
    "with alpha": png(np.dstack([colour(TWELVE), np.full((4, 4), 65535)]), RGBA),
}


@pytest.mark.parametrize("case", GREY_FILES)
def test_grey_values_keep_their_share_of_white(folder, case):
    (image, *_), conversions = load(folder, x=GREY_FILES[case])
    np.testing.assert_allclose(image, np.repeat(GREYS[..., None], 3, axis=2), atol=1)
    assert {"train": 0, "test": 1} in conversions.values()


@pytest.mark.parametrize("case", COLOUR_FILES)
def test_colours_keep_their_share_of_white(folder, case):
    (image, *_), conversions = load(folder, x=COLOUR_FILES[case])
    np.testing.assert_array_equal(image, colour(GREYS))
    assert {"train": 0, "test": 1} in conversions.values()


def test_grey_with_alpha_has_twelve_bits_too(folder):
    (image, *_), _ = load(folder, x=png(np.dstack([TWELVE, np.full((4, 4), 65535)]), GREY_ALPHA))
    np.testing.assert_array_equal(image[..., 0], GREYS)


def test_a_dark_image_is_scaled_as_its_neighbours(folder):
    images, conversions = load(
        folder, dark=png(TWELVE // 16, GREY), light=tiff(TWELVE), ordinary=png(GREYS, GREY, 8)
    )
    np.testing.assert_array_equal(images[0][..., 0], np.rint(TWELVE // 16 / 4095 * 255))
    np.testing.assert_array_equal(images[1][..., 0], GREYS)
    np.testing.assert_array_equal(images[2][..., 0], GREYS)  # 8 bits are left as they are
    assert conversions == {"uint16 samples, black 0, white 4095": {"train": 0, "test": 2}}


def test_training_and_other_categories_decide_too(folder):
    files = {f"{part}/{c}/x": png(TWELVE // 16, GREY) for part in ("train", "test") for c in "ab"}
    path = folder({**files, "train/c/x": png(TWELVE, GREY), "test/c/x": ORDINARY})
    data = load_dataset(DataConfig(f"folder:{path}", image_size=4, categories=("a", "b")))
    np.testing.assert_array_equal(data.test_images[0][..., 0], np.rint(TWELVE // 16 / 4095 * 255))


def test_a_file_says_how_many_bits_it_has(folder):
    dark = TWELVE // 16
    for file in (png(dark, GREY, sBIT=b"\x0c"), tiff(dark, t281=4095), pgm(dark, 4095)):
        (image, *_), _ = load(folder, x=file)
        np.testing.assert_array_equal(image[..., 0], np.rint(dark / 4095 * 255))
    # The PNG specification shifts significant bits to the top of the sample.
    (image, *_), _ = load(folder, x=png(TWELVE << 4, GREY, sBIT=b"\x0c"))
    np.testing.assert_allclose(image[..., 0], GREYS, atol=1)


def test_the_rule_is_part_of_the_fingerprint(folder):
    def digest(**files):
        names = ("test/a/x", "test/b/x", "train/a/x", "train/b/x")
        given = dict(zip(names, [*files.values(), *[ORDINARY] * 4], strict=False))
        return load_dataset(DataConfig(f"folder:{folder(given)}", image_size=4)).files

    flat = np.zeros((4, 4), np.uint16)
    assert digest(x=tiff(flat)) == digest(x=tiff(flat))
    assert digest(x=tiff(flat)) != digest(x=tiff(flat + 4095))  # names and sizes are the same


def test_defective_pixels_and_several_maxima_are_reported(folder, caplog):
    broken = np.tile(TWELVE, (8, 8))
    broken[0, 0] = 65535
    load(folder, x=png(broken, GREY))
    assert "uint16 samples reach 65535, but 99.9 % of those of every image lie below" in caplog.text
    load(folder, x=pgm(TWELVE, 4095), y=pgm(TWELVE, 5000))
    assert "different values of white (maximum 4095, maximum 5000)" in caplog.text


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (tiff(np.full((4, 4), np.nan, np.float32)), "NaN or infinite"),
        (tiff(colour(TWELVE), photometric=2, t284=2), "16-bit colour in a form that is not read"),
    ],
)
def test_what_cannot_be_scaled_is_refused_by_name(folder, file, reason):
    with pytest.raises(InputError, match=rf"test/a/x cannot be read as an image \(.*{reason}"):
        load(folder, x=file)


def test_a_wrong_suffix_that_hides_16_bits_is_refused(folder):
    names = ("train/a/x", "train/b/x", "test/b/x")
    path = folder({"test/a/x.jpg": png(TWELVE, GREY), **dict.fromkeys(names, ORDINARY)})
    with pytest.raises(InputError, match="holds uint16 samples under the name of another format"):
        load_dataset(DataConfig(f"folder:{path}", image_size=4))


def test_other_colour_spaces(folder):
    def stored(mode, pixel, form="TIFF"):
        file = io.BytesIO()
        Image.new(mode, (4, 4), pixel).save(file, form)
        return file.getvalue()

    for file, expected in (
        (stored("CMYK", (0, 255, 255, 0)), (255, 0, 0)),  # no cyan, no black: red
        (stored("LAB", (137, 128, 128)), (128, 128, 128)),  # L* = 53.6 is the grey 128 of sRGB
        (stored("YCbCr", (128, 128, 128), "JPEG"), (128, 128, 128)),
        (stored("1", 1), (255, 255, 255)),
    ):
        (image, *_), conversions = load(folder, x=file)
        np.testing.assert_allclose(image, np.broadcast_to(expected, (4, 4, 3)), atol=1)
        assert conversions == {}


def test_the_test_writes_what_the_formats_define():
    """Pillow, which reads plain 16-bit grey right, reads what is written here."""
    for data in (
        png(SIXTEEN, GREY),
        tiff(SIXTEEN),
        tiff(SIXTEEN, ">"),
        tiff(SIXTEEN, compress=True),
    ):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), SIXTEEN)
    assert packed(TWELVE)[:6] == bytes.fromhex("000111222333")

"""Files and folders as people have them: read right with a warning that names them, or refused."""

import io
import os
import struct

import numpy as np
import pytest
from PIL import Image

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.errors import InputError
from tests.cases.image_files import GREY, RGB, png

CORNER = np.zeros((4, 4, 3))
CORNER[0, 0] = 255
PLAIN = png(CORNER, RGB, 8)
PARTS = {f"{part}/{category}/x": PLAIN for part in ("train", "test") for category in "ab"}


def load(path, **settings):
    return load_dataset(DataConfig(f"folder:{path}", image_size=4, **settings))


def exif(orientation, n_entries=1, kind=3):
    """An EXIF block of one entry, the orientation; `n_entries` is how many it claims to hold."""
    entry = struct.pack("<HHIHH", 0x0112, kind, 1, orientation, 0)
    return b"II*\0" + struct.pack("<IH", 8, n_entries) + entry + bytes(4)


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


ODD_EXIF = {
    "cut off": exif(1, n_entries=9),
    "no EXIF at all": b"not EXIF, but text",
    "empty": b"",
    "orientation of another type": exif(1, kind=9),
    "orientation without meaning": exif(77),
}


@pytest.mark.parametrize("case", ODD_EXIF)
def test_odd_exif_leaves_the_pixels_as_they_are(folder, case, caplog):
    path = folder({**PARTS, "test/a/x": png(CORNER, RGB, 8, eXIf=ODD_EXIF[case])})
    np.testing.assert_array_equal(load(path).test_images[0], CORNER)
    if case in ("cut off", "no EXIF at all"):
        assert f"{path}/test/a/x: its EXIF is damaged" in caplog.text


def test_odd_exif_is_reported_once_for_each_file(folder, caplog):
    path = folder({**PARTS, "test/a/x": png(CORNER, RGB, 8, eXIf=b"not EXIF, but text")})
    images = load(path)
    images = load_dataset(DataConfig(f"folder:{path}", image_size=4), "disk").test_images
    assert images[:].shape == images[:].shape
    assert caplog.text.count("its EXIF is damaged") == 1


# Where the first row and the first column are, by the definition in the EXIF standard, and what
# shows if the file stores the white corner as its first pixel.
CORNERS = {1: (0, 0), 2: (0, 3), 3: (3, 3), 4: (3, 0), 5: (0, 0), 6: (0, 3), 7: (3, 3), 8: (3, 0)}


@pytest.mark.parametrize("orientation", CORNERS)
def test_exif_orientation_is_honoured(folder, orientation):
    stored = CORNER.copy()
    stored[0, 1] = 128  # beside the corner in the first row; orientations from 5 on transpose
    whole = Image.fromarray(stored.astype(np.uint8))
    block = b"Exif\0\0" + exif(orientation)
    files = {
        "test/a/x": png(stored, RGB, 8, eXIf=exif(orientation)),
        "test/b/x": saved(whole, "WEBP", lossless=True, exif=block),
        "train/a/x": png(stored[..., 0] * 257, GREY, eXIf=exif(orientation)),
        "train/b/x": saved(whole, "TIFF", exif=_orientation_tag(orientation)),
    }
    data = load(folder(files))
    row, column = CORNERS[orientation]
    beside = {0: 1, 3: 2}
    second = (beside[row], column) if orientation >= 5 else (row, beside[column])
    for image in (*data.test_images, *data.train_images):
        assert image[row, column].tolist() == [255] * 3
        assert image[second].tolist() == [128] * 3


def _orientation_tag(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("form", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames_is_used_with_a_warning(folder, caplog, form):
    frames = [Image.new("RGB", (4, 4), (shade,) * 3) for shade in (10, 200)]
    options = {"lossless": True} if form == "WEBP" else {}
    several = saved(frames[0], form, save_all=True, append_images=frames[1:], **options)
    path = folder({**PARTS, "test/a/x": several})
    assert (load(path).test_images[0] == 10).all()
    assert f"used of 1 file(s) that have several, such as {path}/test/a/x" in caplog.text


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
def test_a_truncated_image_is_refused_by_name(folder, rng, form):
    image = Image.fromarray(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8))
    whole = saved(image, form)
    for part in (0.5, 0.97):
        path = folder({**PARTS, "test/a/x": whole[: int(len(whole) * part)]})
        with pytest.raises(InputError, match="test/a/x cannot be read as an image"):
            load(path)


def test_empty_files_other_files_and_too_large_images_are_refused_by_name(folder, monkeypatch):
    path = folder({**PARTS, "test/a/x": b""})
    with pytest.raises(InputError, match=r"test/a/x cannot be read as an image \(it is empty\)"):
        load(path)
    path = folder({"test/a/x": b"a spreadsheet"})
    with pytest.raises(InputError, match=r"test/a/x .* \(no format that Pillow knows\)"):
        load(path)
    path = folder(PARTS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7)
    with pytest.raises(InputError, match=r"x cannot be .* \(more than 14 pixels: reduce it\)"):
        load(path)


def test_text_files_among_images_are_left_out_with_a_warning(folder, caplog):
    path = folder({**PARTS, "train/a/Thumbs.db": b"x", "test/b/labels.csv": b"x,1"})
    assert len(load(path).train_labels) == 2
    assert f"1 file(s) among the images are no images and are left out, such as {path}/train/a" in (
        caplog.text
    )
    path = folder({"more/c/only.txt": b"", "more/d/x": PLAIN})
    with pytest.raises(InputError, match="category 'c' has no images"):
        load(path / "more")


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_links_that_lead_nowhere_are_refused_by_name(folder):
    path = folder(PARTS)
    (path / "test/a/loop").symlink_to("loop")
    with pytest.raises(InputError, match="test/a/loop cannot be read as an image .Too many levels"):
        load(path)
    (path / "test/a/loop").unlink()
    (path / "test/a/gone").symlink_to("nothing")
    with pytest.raises(InputError, match="test/a/gone cannot be read as an image .No such file"):
        load(path)


def test_a_file_that_may_not_be_read_is_refused_by_name(folder, monkeypatch):
    path, opened = folder(PARTS), Image.open

    def refuse(file, *args, **kwargs):
        if str(file).endswith("test/b/x"):
            raise PermissionError(13, "Permission denied", str(file))
        return opened(file, *args, **kwargs)

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(InputError, match=r"test/b/x cannot .* \(Permission denied\)"):
        load(path)


@pytest.mark.parametrize("held_out", ["test", "testing", "val", "valid", "validation", "Val"])
@pytest.mark.parametrize("train", ["train", "Training"])
def test_the_usual_names_of_a_split(folder, train, held_out):
    black = png(np.zeros((4, 4, 3)), RGB, 8)
    path = folder(
        {f"{train}/{c}/x": PLAIN for c in "ab"} | {f"{held_out}/{c}/x": black for c in "ab"}
    )
    data = load(path)
    assert data.train_images.any()
    assert not data.test_images.any()
    assert data.test_ids == (f"{held_out}/a/x", f"{held_out}/b/x")


def test_test_comes_before_validation_and_what_is_left_out_is_logged(folder, caplog):
    caplog.set_level("INFO")
    path = folder({**PARTS, "val/a/x": PLAIN, "val/b/x": PLAIN})
    assert load(path).test_ids == ("test/a/x", "test/b/x")
    assert "training images are those of train, test images those of test; val is left out" in (
        caplog.text
    )


def test_ambiguous_layouts_are_refused(folder):
    path = folder({**PARTS, "Train/a/x": PLAIN})
    with pytest.raises(InputError, match="one folder of training .* but it has Train and train"):
        load(path)
    path = folder({"flat/train/x": PLAIN, "flat/test/x": PLAIN})
    with pytest.raises(InputError, match="one folder for each category in .*flat/train and"):
        load(path / "flat")


def test_train_is_a_category_where_nothing_is_held_out(folder):
    path = folder({f"{c}/{i}": PLAIN for c in ("bus", "train") for i in range(2)})
    assert load(path).categories == ("bus", "train")


def test_a_folder_too_high_or_too_low_is_explained(folder):
    path = folder({f"pictures/{c}/{i}": PLAIN for c in "ab" for i in range(2)})
    with pytest.raises(InputError, match=f"found only 'pictures'; is it {path}/pictures"):
        load(path)
    with pytest.raises(InputError, match="expected two or more category folders in .*, found none"):
        load(path / "pictures" / "a")
    path = folder({"more/a/deep/x": PLAIN, "more/b/x": PLAIN})
    with pytest.raises(InputError, match="only images in category 'a', found the folder .*/deep"):
        load(path / "more")


def test_names_that_differ_in_case_or_in_accents_only(folder, caplog):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    files = {f"sets/{c}/{i}": PLAIN for c in (composed, decomposed, "Cat", "cat") for i in range(2)}
    path = folder(files)
    assert len(load(path / "sets").categories) == 4
    assert caplog.text.count("differ only in case, or in how accents are encoded") == 2
    path = folder({f"split/train/{c}/x": PLAIN for c in ("a", composed)})
    folder({f"split/test/{c}/x": PLAIN for c in ("a", decomposed)})
    with pytest.raises(InputError, match="only one of them .the two differ in case, or in how"):
        load(path / "split")


def test_systems_leave_folders_behind(folder):
    path = folder({**PARTS, "train/__MACOSX/._x": b"", "test/@eaDir/x": b"", "train/.ipynb/x": b""})
    assert load(path).categories == ("a", "b")


def test_grey_colour_palette_and_sixteen_bits_in_one_folder(folder):
    ramp = (np.arange(16) * 17).reshape(4, 4)
    palette = {"PLTE": bytes(np.repeat(np.arange(256), 3).astype(np.uint8))}
    files = {
        "test/a/x": png(ramp, GREY, 8),
        "test/b/x": png(np.repeat(ramp[..., None], 3, 2), RGB, 8),
        "train/a/x": png(ramp * 257, GREY),
        "train/b/x": png(ramp, 3, 8, **palette),
    }
    data = load(folder(files))
    for image in (*data.test_images, *data.train_images):
        np.testing.assert_array_equal(image, np.repeat(ramp[..., None], 3, axis=2))

"""Fits of whitening that are kept in the cache folder."""

import os

import numpy as np
import pytest

from ensemble_rsa.data import whitening
from ensemble_rsa.data.preprocessing import fit_preprocessing


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder for images of any size, and a count of the fits."""
    monkeypatch.setattr(whitening, "_KEPT_FROM", 1)
    monkeypatch.setattr(whitening.files, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def fits(monkeypatch):
    calls, fitted = [], whitening._fitted

    def count(images, *rest):
        calls.append(images.shape)
        return fitted(images, *rest)

    monkeypatch.setattr(whitening, "_fitted", count)
    return calls


def parts(fitted):
    return [np.asarray(part) for part in (fitted.pixel_mean, fitted.whitening)]


def test_a_fit_is_found_again_to_the_bit(rng, cache, fits):
    images = rng.integers(0, 256, (40, 3, 3, 1), np.uint8)
    first, second = (parts(fit_preprocessing("gcn_zca", images)) for _ in range(2))
    assert len(fits) == 1
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_images_and_other_recipes_have_fits_of_their_own(rng, cache, fits):
    images = rng.integers(0, 256, (40, 3, 3, 1), np.uint8)
    changed = images.copy()
    changed[7, 1, 1, 0] ^= 1
    for name, given in (
        ("gcn_zca", images),
        ("gcn_zca_per_image", images),
        ("gcn_zca", changed),
        ("gcn_zca", images.reshape(40, 9, 1, 1)),
        ("gcn_zca", images[:39]),
    ):
        fit_preprocessing(name, given)
    assert len(fits) == 5
    assert len(list(cache.iterdir())) == 5


def test_a_damaged_file_is_fitted_and_written_again(rng, cache, fits, caplog):
    images = rng.integers(0, 256, (40, 3, 3, 1), np.uint8)
    first = parts(fit_preprocessing("gcn_zca", images))
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        for one, other in zip(first, parts(fit_preprocessing("gcn_zca", images)), strict=True):
            np.testing.assert_array_equal(one, other)
        assert "made anew" in caplog.text
        caplog.clear()
    assert len(fits) == 4
    assert file.read_bytes() == whole


def test_only_the_newest_are_kept(rng, cache, monkeypatch):
    monkeypatch.setattr(whitening, "_MOST_KEPT", 2)
    kept = []
    for number in range(4):
        fit_preprocessing("gcn_zca", rng.integers(0, 256, (20, 2, 2, 1), np.uint8))
        (new,) = set(cache.iterdir()) - set(kept)
        os.utime(new, (number, number))
        kept.append(new)
    assert set(cache.iterdir()) == set(kept[2:])


def test_a_cache_that_cannot_be_written_costs_time_only(rng, cache, fits, caplog):
    cache.write_text("a file where the folder should be")
    images = rng.integers(0, 256, (40, 3, 3, 1), np.uint8)
    first, second = (parts(fit_preprocessing("gcn_zca", images)) for _ in range(2))
    assert len(fits) == 2
    assert "whitened anew each time" in caplog.text
    np.testing.assert_array_equal(first[1], second[1])

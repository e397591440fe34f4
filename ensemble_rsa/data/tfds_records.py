"""Reading the `array_record` files of TFDS without TensorFlow, in the order of the images' ids.

Labels and ids are read once and cached in the user's cache folder, and so are the pixels of a small
data set; images of a large one are decoded when they are needed.
"""

import contextlib
import hashlib
import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from ensemble_rsa import files
from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.kept import keep, read_kept
from ensemble_rsa.data.source import ImageSource, Split
from ensemble_rsa.errors import InputError, RunError, first_line

_BLOCK = 1024  # records in memory at once
_CHECKSUM = struct.Struct("<I")
_OTHERWISE = "images are decoded again each time"


@dataclass(frozen=True)
class Collection:
    """A data set of TFDS.

    Attributes:
        name: in TFDS.
        title: in messages.
        test_split: the split of TFDS that holds the test images.
        id_feature: the feature that names an image; None to number the records of a split.
        cache_pixels: decode all images on first use and cache their pixels; else decode each when
            it is needed, in several threads.
        prepare: TFDS builder whose files are absent → one whose files are there; raises `RunError`
            where that fails.
        remedy: what a user can do about files that cannot be read.
    """

    name: str
    title: str
    test_split: str
    id_feature: str | None
    cache_pixels: bool
    prepare: Callable[[Any], Any]
    remedy: str


Decode = Callable[[bytes], UInt8[np.ndarray, "height width channel"]]


def tfds_source(
    collection: Collection,
    config: DataConfig,
    image_shape: tuple[int, int, int],
    decode: Decode,
) -> ImageSource:
    """Return training and test images of a collection, of the shape that `decode` gives.

    They are read from `config.data_dir`, else from the default of TFDS: the environment variable
    `TFDS_DATA_DIR` at the time TFDS is imported, else a folder in the home directory.
    """
    with quiet():
        builder = tfds_builder(collection.name, config)
        if not builder.is_prepared():
            builder = collection.prepare(builder)
    return source_of_builder(collection, builder, image_shape, decode)


def source_of_builder(
    collection: Collection, builder: Any, image_shape: tuple[int, int, int], decode: Decode
) -> ImageSource:
    """Return training and test images of a builder whose files are there; see `tfds_source`."""
    with quiet(), _readable(collection, builder):
        return ImageSource(
            categories=tuple(builder.info.features["label"].names),
            train=_split(collection, builder, "train", decode, image_shape),
            test=_split(collection, builder, collection.test_split, decode, image_shape),
            image_shape=image_shape,
            threads=not collection.cache_pixels,
        )


def tfds_builder(name: str, config: DataConfig) -> Any:
    """The builder of a data set of TFDS, whose files may be absent."""
    folder = None if config.data_dir is None else Path(config.data_dir).expanduser()
    if folder is not None and folder.is_file():
        raise InputError(f"data_dir: expected a folder of TFDS, got the file {folder}")
    import tensorflow_datasets as tfds  # takes most of a second to import

    return tfds.builder(name, data_dir=folder)


class _Contents(NamedTuple):
    """Labels, ids and file sizes of a split, in the order of its records."""

    labels: Int64[np.ndarray, " record"]
    ids: np.ndarray
    file_bytes: Int64[np.ndarray, " record"]


def _split(
    collection: Collection,
    builder: Any,
    name: str,
    decode: Decode,
    image_shape: tuple[int, int, int],
) -> Split:
    import tensorflow_datasets as tfds

    records = builder.as_data_source(
        split=name, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    cache = _cache_file(builder, name)
    contents = _contents(cache, records, name, collection.id_feature)
    order = np.argsort(contents.ids)
    pixels = _pixels(cache, records, decode, image_shape) if collection.cache_pixels else None

    def read(number: int) -> UInt8[np.ndarray, "height width channel"]:
        record = int(order[number])
        if pixels is not None:
            return pixels[record]
        with _readable(collection, builder):
            return decode(_image(_features(records[record])))

    sizes = contents.file_bytes[order]
    return Split(
        labels=contents.labels[order],
        ids=tuple(contents.ids[order].tolist()),
        read=read,
        file_bytes=None if collection.cache_pixels else lambda number: int(sizes[number]),
    )


def _contents(cache: Path, records: Any, split: str, id_feature: str | None) -> _Contents:
    """Labels, ids and file sizes of all records, from the cache if they are there."""

    def stored() -> _Contents:
        with cache.open("rb") as file, np.load(file) as fields:  # its zip format has checksums
            found = _Contents(*(fields[field] for field in _Contents._fields))
        if any(len(field) != len(records) for field in found):
            raise ValueError(f"it does not describe {len(records)} images")
        return found

    found = read_kept(cache, stored)
    if found is not None:
        return found
    ids, labels, sizes = [], [], []
    for feature in _all_features(records):
        own = feature[id_feature].bytes_list.value[0].decode() if id_feature else None
        ids.append(f"{split}_{len(ids):07d}" if own is None else own)
        labels.append(feature["label"].int64_list.value[0])
        sizes.append(len(_image(feature)))
    contents = _Contents(np.array(labels, np.int64), np.array(ids), np.array(sizes, np.int64))
    keep(cache, lambda file: np.savez(file, **contents._asdict()), _OTHERWISE)
    return contents


def _pixels(
    cache: Path, records: Any, decode: Decode, image_shape: tuple[int, int, int]
) -> UInt8[np.ndarray, "record height width channel"]:
    """Pixels of all records, from the cache if they are there; a checksum follows them there."""
    path = cache.with_suffix(".npy")

    def stored() -> UInt8[np.ndarray, "record height width channel"]:
        pixels = np.load(path, mmap_mode="r")
        if pixels.shape != (len(records), *image_shape) or pixels.dtype != np.uint8:
            raise ValueError(f"it holds {pixels.dtype} of shape {pixels.shape}")
        with path.open("rb") as file:
            file.seek(pixels.offset + pixels.nbytes)  # pyright: ignore[reportAttributeAccessIssue]
            checksum = file.read()
        if checksum != _CHECKSUM.pack(zlib.crc32(pixels.data)):
            raise ValueError("its checksum is another" if checksum else "it has no checksum")
        return pixels

    found = read_kept(path, stored)
    if found is not None:
        return found
    pixels = np.stack([decode(_image(feature)) for feature in _all_features(records)])

    def write(file: IO[bytes]) -> None:
        np.save(file, pixels)
        file.write(_CHECKSUM.pack(zlib.crc32(pixels.data)))

    keep(path, write, _OTHERWISE)
    return pixels


def _all_features(records: Any) -> Iterator[Any]:
    for start in range(0, len(records), _BLOCK):
        for record in records.__getitems__(range(start, min(start + _BLOCK, len(records)))):
            yield _features(record)


def _image(feature: Any) -> bytes:
    return feature["image"].bytes_list.value[0]


def _features(record: bytes) -> Any:
    """Parse a record; faster than TFDS's parser, which makes a NumPy array of every field."""
    from tensorflow_datasets.proto import tf_example_pb2

    return tf_example_pb2.Example.FromString(record).features.feature  # pyright: ignore[reportAttributeAccessIssue]


def _cache_file(builder: Any, name: str) -> Path:
    """The cache file of a split; its name depends on the split's files, sizes and times."""
    stored = sorted(Path(str(builder.data_path)).glob(f"*-{name}.*"))
    states = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in stored]
    digest = hashlib.blake2b(repr(states).encode(), digest_size=8).hexdigest()
    return files.cache_folder() / f"{builder.name}-{name}-{digest}.npz"


@contextlib.contextmanager
def _readable(collection: Collection, builder: Any) -> Iterator[None]:
    """Turn every error of reading into a `RunError` of one line."""
    try:
        yield
    except RunError:
        raise
    except NotImplementedError as error:
        raise RunError(
            f"{collection.title} in {builder.data_path} is in a format that only TensorFlow can "
            f"read ({builder.info.file_format}); {collection.remedy}"
        ) from error
    except Exception as error:
        raise RunError(
            f"{collection.title} in {builder.data_path} cannot be read ({first_line(error)}); "
            f"{collection.remedy}"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings of TFDS and its downloader; errors are still logged."""
    loggers = [logging.getLogger(name) for name in ("absl", "urllib3")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

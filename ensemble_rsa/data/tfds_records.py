"""Data sets as TFDS keeps them in `array_record` files, read without TensorFlow.

TFDS stores the images in a shuffled order. Ours is that of their ids.

What the files hold (labels, ids) is read once and remembered in the user's cache folder, and so are
the pixels of a small collection; images of a large one are decoded when they are asked for.
"""

import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from ensemble_rsa import files
from ensemble_rsa.data.source import Source, SourceOptions, Split
from ensemble_rsa.errors import InputError, RunError

log = logging.getLogger(__name__)
_BLOCK = 1024  # records in memory at once


@dataclass(frozen=True)
class Collection:
    """A data set of TFDS.

    Attributes:
        name: TFDS's.
        title: ours, in messages.
        test_split: what TFDS calls the images to test on.
        id_feature: what names an image.
        decoded_once: whether all its images are decoded when it is first read, and remembered;
            else each is decoded when it is asked for.
        prepared: TFDS's handle on files that are not there → one on files that are, or a `RunError`
            that says what to do.
        remedy: what to do about files that cannot be read.
    """

    name: str
    title: str
    test_split: str
    id_feature: str
    decoded_once: bool
    prepared: Callable[[Any], Any]
    remedy: str


Decode = Callable[[bytes], UInt8[np.ndarray, "height width channel"]]


def tfds_source(
    collection: Collection,
    options: SourceOptions,
    image_shape: tuple[int, int, int],
    decode: Decode,
    threads: bool,
) -> Source:
    """Training and test images of a collection.

    Looks in `options.data_dir`, or where TFDS looks by itself (the environment variable
    `TFDS_DATA_DIR`, which TFDS reads when it is imported, else its folder in the home directory).

    Args:
        collection: which.
        options: where.
        image_shape: of what `decode` returns.
        decode: an encoded image → its pixels.
        threads: whether decoding takes so long that threads pay.

    Raises:
        InputError: `options.data_dir` is a file.
        RunError: not there and not to be had, or there but unreadable.
    """
    if options.data_dir is not None and options.data_dir.is_file():
        raise InputError(f"data_dir: expected a folder of TFDS, got the file {options.data_dir}")
    with _quiet():
        import tensorflow_datasets as tfds  # most of a second to import, so only when it is wanted

        builder: Any = tfds.builder(collection.name, data_dir=options.data_dir)
        if not builder.is_prepared():
            builder = collection.prepared(builder)
        with _readable(collection, builder):
            return Source(
                categories=tuple(builder.info.features["label"].names),
                train=_split(collection, builder, "train", decode),
                test=_split(collection, builder, collection.test_split, decode),
                image_shape=image_shape,
                threads=threads,
            )


class _Contents(NamedTuple):
    """What a split holds, in the order of its records."""

    labels: Int64[np.ndarray, " record"]
    ids: np.ndarray
    file_bytes: Int64[np.ndarray, " record"]


def _split(collection: Collection, builder: Any, name: str, decode: Decode) -> Split:
    import tensorflow_datasets as tfds

    records = builder.as_data_source(
        split=name, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    memory = _memory(builder, name)
    contents = _contents(memory, records, collection.id_feature)
    order = np.argsort(contents.ids)
    pixels = _pixels(memory, records, decode) if collection.decoded_once else None

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
        file_bytes=None if collection.decoded_once else lambda number: int(sizes[number]),
    )


def _contents(memory: Path, records: Any, id_feature: str) -> _Contents:
    """Labels and ids of all records, remembered."""
    if memory.is_file():
        with np.load(memory) as stored:
            return _Contents(*(stored[field] for field in _Contents._fields))
    contents = _scan(records, id_feature)
    _remember(memory, lambda file: np.savez(file, **contents._asdict()))
    return contents


def _pixels(
    memory: Path, records: Any, decode: Decode
) -> UInt8[np.ndarray, "record height width channel"]:
    """Pixels of all records, remembered."""
    path = memory.with_suffix(".npy")
    if not path.is_file():
        pixels = np.stack([decode(_image(feature)) for feature in _all_features(records)])
        if not _remember(path, lambda file: np.save(file, pixels)):
            return pixels
    return np.load(path, mmap_mode="r")


def _scan(records: Any, id_feature: str) -> _Contents:
    """Parse every record."""
    ids, labels, sizes = [], [], []
    for feature in _all_features(records):
        ids.append(feature[id_feature].bytes_list.value[0].decode())
        labels.append(feature["label"].int64_list.value[0])
        sizes.append(len(_image(feature)))
    return _Contents(np.array(labels, np.int64), np.array(ids), np.array(sizes, np.int64))


def _all_features(records: Any) -> Iterator[Any]:
    for start in range(0, len(records), _BLOCK):
        for record in records.__getitems__(range(start, min(start + _BLOCK, len(records)))):
            yield _features(record)


def _image(feature: Any) -> bytes:
    return feature["image"].bytes_list.value[0]


def _features(record: bytes) -> Any:
    """TFDS's own parser makes NumPy arrays of every field, at several times the price."""
    from tensorflow_datasets.proto import tf_example_pb2

    return tf_example_pb2.Example.FromString(record).features.feature  # pyright: ignore[reportAttributeAccessIssue]


def _memory(builder: Any, name: str) -> Path:
    """Where the contents of these very files are remembered."""
    stored = sorted(Path(str(builder.data_path)).glob(f"*-{name}.*"))
    states = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in stored]
    digest = hashlib.blake2b(repr(states).encode(), digest_size=8).hexdigest()
    return files.cache_folder() / f"{builder.name}-{name}-{digest}.npz"


def _remember(path: Path, write: Callable[[IO[bytes]], None]) -> bool:
    """Write a file of the cache folder; whether it could be."""
    try:
        with files.atomic_path(path) as temporary, temporary.open("wb") as file:
            write(file)
    except OSError as error:
        log.warning("%s cannot be written (%s): images are read anew each time", path, error)
        return False
    return True


@contextlib.contextmanager
def _readable(collection: Collection, builder: Any) -> Iterator[None]:
    """One clear line where files cannot be read."""
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


def first_line(error: BaseException) -> str:
    """What went wrong, without the rest of the story.

    >>> first_line(OSError(28, "No space left on device"))
    '[Errno 28] No space left on device'
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFDS and its downloader may report errors, not warnings (a folder it skips, a retry)."""
    loggers = [logging.getLogger(name) for name in ("absl", "urllib3")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

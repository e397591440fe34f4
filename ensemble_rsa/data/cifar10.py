"""CIFAR-10 as TFDS keeps it in `array_record` files, read without TensorFlow.

TFDS stores the images in a shuffled order. Ours is that of their ids (`test_00000` …), which, where
TFDS or we prepared the files, is the order of the original ones.

Reading is in two steps, because decoding an image costs far more than parsing its record: labels
and ids of everything first, then the pixels of the images asked for. On tiny images threads do not
pay, so decoding is serial.
"""

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ensemble_rsa.data.cifar10_download import REMEDY, download_cifar10, first_line
from ensemble_rsa.data.source import Source, SourceOptions, Split
from ensemble_rsa.errors import InputError, RunError


def cifar10_source(options: SourceOptions) -> Source:
    """The 50,000 training and 10,000 test images, `(image, 32, 32, 3)`.

    Looks in `options.data_dir`, or where TFDS looks by itself (the environment variable
    `TFDS_DATA_DIR`, which TFDS reads when it is imported, else its folder in the home directory).
    What is absent is downloaded through TFDS, which shows its own progress.

    Raises:
        InputError: `options.data_dir` is a file.
        RunError: not there and not to be downloaded, or there but unreadable.
    """
    if options.data_dir is not None and options.data_dir.is_file():
        raise InputError(f"data_dir: expected a folder of TFDS, got the file {options.data_dir}")
    with _quiet():
        builder = _prepared_builder(options.data_dir)
        try:
            return Source(
                categories=tuple(builder.info.features["label"].names),
                train=_split(builder, "train"),
                test=_split(builder, "test"),
            )
        except NotImplementedError as error:
            raise RunError(
                f"CIFAR-10 in {builder.data_path} is in a format that only TensorFlow can read "
                f"({builder.info.file_format}); another --data-dir gets a copy that is readable"
            ) from error
        except Exception as error:
            raise RunError(
                f"CIFAR-10 in {builder.data_path} cannot be read ({first_line(error)}); "
                f"delete that folder to have it downloaded again, or {REMEDY}"
            ) from error


def _prepared_builder(data_dir: Path | None) -> Any:
    """TFDS's handle on files that are in place."""
    import tensorflow_datasets as tfds  # most of a second to import, so only when it is wanted

    builder = tfds.builder("cifar10", data_dir=data_dir)
    return builder if builder.is_prepared() else download_cifar10(builder)


def _split(builder: Any, name: str) -> Split:
    """Parse every record of a split, and leave its images encoded."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.proto import tf_example_pb2

    parse = tf_example_pb2.Example.FromString  # pyright: ignore[reportAttributeAccessIssue]
    records = builder.as_data_source(
        split=name, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    ids, labels, encoded = [], [], []
    # TFDS's own parser makes NumPy arrays of every field, at several times the price.
    for record in records.__getitems__(range(len(records))):
        feature = parse(record).features.feature
        ids.append(feature["id"].bytes_list.value[0].decode())
        labels.append(feature["label"].int64_list.value[0])
        encoded.append(feature["image"].bytes_list.value[0])
    order = np.argsort(ids)
    return Split(
        labels=np.array(labels, np.int64)[order],
        ids=tuple(ids[index] for index in order),
        read=lambda indices: np.stack([_decode(encoded[index]) for index in order[indices]]),
    )


def _decode(encoded: bytes) -> UInt8[np.ndarray, "height width channel"]:
    return np.asarray(Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")))


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

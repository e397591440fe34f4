"""Any image classification set of TFDS by its name, such as `tfds:cifar100`.

Images keep the size and the channels of the data set where all have the same; others are resized to
`image_size`. The test images are those of the split `test`, else of `validation`; a data set whose
images all have one size is decoded once and cached, if it fits.
"""

import io
import math
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ensemble_rsa.config.settings import TFDS, DataConfig
from ensemble_rsa.data.cifar10_download import check_reachable
from ensemble_rsa.data.decoding import Decoding, decode
from ensemble_rsa.data.source import ImageSource
from ensemble_rsa.data.tfds_records import (
    Collection,
    Decode,
    quiet,
    source_of_builder,
    tfds_builder,
)
from ensemble_rsa.errors import InputError, RunError, first_line

CACHED = 2**30  # bytes of pixels at most (ours)
TEST_SPLITS = ("test", "validation")


def named_source(config: DataConfig) -> ImageSource:
    """Return the images of `tfds:NAME`.

    Raises:
        InputError: no such data set, or one without images and labels, or without test images.
        RunError: it is not prepared and cannot be downloaded, or cannot be read.
    """
    name = config.dataset.removeprefix(TFDS)
    with quiet():
        try:
            builder = tfds_builder(name, config)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"dataset: TFDS has no data set {name!r}, and none of that name is prepared in its "
                "folder"
            ) from error
        remedy = (
            f"prepare it once where TensorFlow is installed: `tfds build {name} "
            "--file_format=array_record`; then give --data-dir or set TFDS_DATA_DIR"
        )
        if not builder.is_prepared():
            builder = _prepared(builder, name, remedy)
    features = dict(builder.info.features.items())
    shape = getattr(features.get("image"), "shape", None) or ()
    if getattr(features.get("label"), "names", None) is None or len(shape) != 3:
        raise InputError(
            f"dataset: expected {config.dataset} to have an image and a label for each example, "
            f"got {', '.join(features)}"
        )
    splits = list(builder.info.splits)
    test = next((split for split in TEST_SPLITS if split in splits), None)
    if "train" not in splits or test is None:
        raise InputError(
            f"dataset: expected {config.dataset} to have the splits train and test or validation, "
            f"got {', '.join(splits)}"
        )
    image_shape, decoder = _decoder(config, shape)
    n_images = builder.info.splits["train"].num_examples + builder.info.splits[test].num_examples
    collection = Collection(
        name=name,
        title=config.dataset,
        test_split=test,
        id_feature=None,
        cache_pixels=None not in shape and n_images * math.prod(image_shape) <= CACHED,
        prepare=lambda builder: _prepared(builder, name, remedy),
        remedy=remedy,
    )
    return source_of_builder(collection, builder, image_shape, decoder)


def _decoder(
    config: DataConfig, shape: tuple[int | None, ...]
) -> tuple[tuple[int, int, int], Decode]:
    """The shape of the images, and what decodes one."""
    height, width, channels = shape
    if height is None or width is None:
        how = Decoding(config.image_size, config.resize, config.background)
        return (how.size, how.size, 3), lambda data: decode(io.BytesIO(data), how)
    mode = "L" if channels == 1 else "RGB"

    def pixels(data: bytes) -> UInt8[np.ndarray, "height width channel"]:
        decoded = np.asarray(Image.open(io.BytesIO(data)).convert(mode))
        return decoded.reshape(height, width, -1)

    return (height, width, len(mode)), pixels


def _prepared(builder: Any, name: str, remedy: str) -> Any:
    """The builder after a download, which TFDS can do without TensorFlow for some data sets."""
    missing = f"{TFDS}{name} was not found in {builder.data_path}"
    for url in list(getattr(builder, "url_infos", None) or ())[:1]:
        check_reachable(url, missing, remedy)
    try:
        builder.download_and_prepare(file_format="array_record")
    except Exception as error:
        raise RunError(
            f"{missing}, and could not be downloaded ({first_line(error)}); {remedy}"
        ) from error
    return builder

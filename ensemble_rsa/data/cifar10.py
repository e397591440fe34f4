"""CIFAR-10 from TFDS: 50,000 training and 10,000 test images of 32 × 32 pixels.

Its ids are `train_00000` …, `test_00000` …, so that our order is the original one wherever TFDS or
we prepared the files.
"""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ensemble_rsa.data.cifar10_download import REMEDY, download_cifar10
from ensemble_rsa.data.source import Source, SourceOptions
from ensemble_rsa.data.tfds_records import Collection, tfds_source

CIFAR10 = Collection(
    name="cifar10",
    title="CIFAR-10",
    test_split="test",
    id_feature="id",
    decoded_once=True,
    prepared=download_cifar10,
    remedy=f"delete that folder to have it downloaded again, or {REMEDY}",
)


def cifar10_source(options: SourceOptions) -> Source:
    """The images `(image, 32, 32, 3)`; what is absent is downloaded through TFDS, with its own bar.

    On tiny images threads do not pay, so decoding is serial.

    Raises:
        InputError: `options.data_dir` is a file.
        RunError: not there and not to be downloaded, or there but unreadable.
    """
    return tfds_source(CIFAR10, options, (32, 32, 3), lambda data: _decode(data), threads=False)


def _decode(encoded: bytes) -> UInt8[np.ndarray, "height width channel"]:
    return np.asarray(Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")))

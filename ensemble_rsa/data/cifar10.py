"""CIFAR-10 from TFDS: 50,000 training and 10,000 test images of 32 × 32 pixels.

Ids are `train_00000` …, `test_00000` …, so images sorted by id are in the original order.
"""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.cifar10_download import REMEDY, download_cifar10
from ensemble_rsa.data.source import ImageSource
from ensemble_rsa.data.tfds_records import Collection, tfds_source

CIFAR10 = Collection(
    name="cifar10",
    title="CIFAR-10",
    test_split="test",
    id_feature="id",
    cache_pixels=True,
    prepare=download_cifar10,
    remedy=f"delete that folder to have it downloaded again, or {REMEDY}",
)


def cifar10_source(config: DataConfig) -> ImageSource:
    """Return the images `(image, 32, 32, 3)`; downloaded through TFDS where they are absent."""
    return tfds_source(CIFAR10, config, (32, 32, 3), lambda data: _decode(data))


def _decode(encoded: bytes) -> UInt8[np.ndarray, "height width channel"]:
    return np.asarray(Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")))

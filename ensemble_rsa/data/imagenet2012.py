"""ImageNet (ILSVRC 2012) from TFDS: training images, and validation images as test images.

Access to the images is granted by image-net.org, so TFDS cannot download them. Preparing them needs
TensorFlow once; reading them does not. Categories are WordNet ids.
"""

import io
from typing import Any

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.decoding import Decoding, decode
from ensemble_rsa.data.source import ImageSource
from ensemble_rsa.data.tfds_records import Collection, tfds_source
from ensemble_rsa.errors import RunError

REMEDY = (
    "prepare it once where TensorFlow is installed, with ILSVRC2012_img_train.tar and "
    "ILSVRC2012_img_val.tar from image-net.org in TFDS's downloads/manual: "
    "`tfds build imagenet2012 --file_format=array_record`; then give --data-dir or set "
    "TFDS_DATA_DIR. Or use --dataset folder:PATH"
)


def _absent(builder: Any) -> Any:
    raise RunError(f"ImageNet was not found in {builder.data_path}; {REMEDY}")


IMAGENET = Collection(
    name="imagenet2012",
    title="ImageNet",
    test_split="validation",
    id_feature="file_name",
    cache_pixels=False,
    prepare=_absent,
    remedy=REMEDY,
)


def imagenet2012_source(config: DataConfig) -> ImageSource:
    """Return the images as RGB `(image, image_size, image_size, 3)`; ids are file names.

    On first use all files are read once for labels and ids, which are then cached.
    """
    size = config.image_size
    how = Decoding(size, config.resize, config.background)
    return tfds_source(
        IMAGENET,
        config,
        (size, size, 3),
        lambda data: decode(io.BytesIO(data), how),
    )

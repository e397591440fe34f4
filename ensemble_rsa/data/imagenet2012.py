"""ImageNet (ILSVRC 2012) from TFDS: its training images, and its validation images to test on.

The images must be asked for at image-net.org, so TFDS cannot download them by itself, and preparing
them takes TensorFlow once; reading them does not. Categories are WordNet ids.
"""

import io
from typing import Any

from ensemble_rsa.data.decoding import decode_to_size
from ensemble_rsa.data.source import Source, SourceOptions
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
    decoded_once=False,
    prepared=_absent,
    remedy=REMEDY,
)


def imagenet2012_source(options: SourceOptions) -> Source:
    """Its images as RGB `(image, image_size, image_size, 3)`; ids are file names.

    The first time, all files are read for a list of what they hold, which is then remembered.

    Raises:
        InputError: `options.data_dir` is a file.
        RunError: not there, or there but unreadable.
    """
    size = options.image_size
    return tfds_source(
        IMAGENET,
        options,
        (size, size, 3),
        lambda data: decode_to_size(io.BytesIO(data), size, options.resize),
        threads=True,
    )

"""Downloading CIFAR-10 with TFDS on a machine without TensorFlow.

TFDS can read prepared files without TensorFlow, but its builder of CIFAR-10 unpacks the archive and
encodes the images with it. The builder here replaces these two steps. TFDS still downloads, checks
the checksum, shuffles, writes, and renames the finished folder to `cifar10/3.0.2`; ids are those of
TFDS, and images are lossless.
"""

import contextlib
import http.client
import io
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from ensemble_rsa.errors import RunError, first_line

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"  # TFDS has its checksum
PROBE_SECONDS = 5.0
REMEDY = (
    "give --data-dir or set TFDS_DATA_DIR to a TFDS folder that holds cifar10, "
    "or use --dataset digits"
)
_FOLDER = "cifar-10-batches-bin/"
_TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST_FILES = ("test_batch.bin",)
_IMAGE_BYTES = 3 * 32 * 32


def download_cifar10(builder: Any) -> Any:
    """Download CIFAR-10 to where TFDS's `builder` expects it; return a builder that finds it."""
    import tensorflow_datasets as tfds

    # TFDS would retry for minutes and leave unfinished folders behind
    check_reachable(URL, f"CIFAR-10 was not found in {builder.data_path}", REMEDY)
    try:
        ours = _builder_class()(data_dir=builder.data_path.parent.parent)
        with contextlib.redirect_stdout(sys.stderr):
            ours.download_and_prepare(
                file_format="array_record",
                download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            )
    except Exception as error:
        raise RunError(
            f"CIFAR-10 could not be downloaded to {builder.data_path} ({first_line(error)}); "
            f"try again, or {REMEDY}"
        ) from error
    return ours


def check_reachable(url: str, missing: str, remedy: str) -> None:
    """Raise within seconds if the server that TFDS downloads from does not answer."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return  # the server answers; TFDS handles the status
    except (OSError, http.client.HTTPException) as error:
        raise RunError(
            f"{missing}, and {request.host} cannot be reached to download it; {remedy}"
        ) from error


def _builder_class() -> Any:
    """TFDS's builder class of CIFAR-10, without the two steps that need TensorFlow."""
    import tensorflow_datasets

    tfds: Any = tensorflow_datasets  # lazy modules, which a type checker does not see
    theirs = tfds.image_classification.Cifar10
    with tfds.core.registered.skip_registration():  # the name is registered already

        class Cifar10(theirs):
            url_infos = theirs.url_infos  # the checksum

            def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
                files = _unpack(dl_manager.download(URL))
                names = files["batches.meta.txt"].decode().split()
                self.info.features["label"].names = names
                return {
                    "train": _examples("train", b"".join(files[name] for name in _TRAIN_FILES)),
                    "test": _examples("test", b"".join(files[name] for name in _TEST_FILES)),
                }

    return Cifar10


def _unpack(path: Any) -> dict[str, bytes]:
    """The content of the archive's files, by name."""
    files = {}
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member)  # None for a folder
            if content is not None:
                files[member.name.removeprefix(_FOLDER)] = content.read()
    return files


def _examples(split: str, data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """One example per record of a label and three colour planes, its image encoded as PNG."""
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + _IMAGE_BYTES)
    for number, record in enumerate(records):
        pixels = record[1:].reshape(3, 32, 32).transpose(1, 2, 0)
        png = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(png, "PNG")
        image, label = io.BytesIO(png.getvalue()), int(record[0])
        yield number, {"id": f"{split}_{number:05d}", "label": label, "image": image}

"""Images for training: all in the device's memory, or read from disk in chunks.

A chunk holds the images of some steps in the order of those steps, as a small data set. The same
program trains from memory and from disk, and gives the same networks. `grain` decodes chunks in
threads, ahead of use.
"""

import math
from collections.abc import Callable, Generator
from contextlib import closing
from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt8

from ensemble_rsa.config.settings import TrainingConfig, shared_seeds
from ensemble_rsa.data.preprocessing import Preprocessing
from ensemble_rsa.data.source import StoredImages
from ensemble_rsa.jax_settings import n_cores
from ensemble_rsa.models.devices import Layout, collect, replicate
from ensemble_rsa.models.ensemble import Parameters
from ensemble_rsa.training.batch import DeviceImages
from ensemble_rsa.training.step import epoch_order

CHUNK_BYTES = 2**26  # of decoded images; three chunks exist at a time
_BLOCK = 16  # images that a thread decodes in turn


class DiskImages(NamedTuple):
    """Images on disk, with their preprocessing."""

    images: StoredImages
    labels: Int[np.ndarray, " image"]
    preprocessing: Preprocessing


TrainingImages = DeviceImages | DiskImages


class Chunk(NamedTuple):
    """The images of the steps `first` to `stop` − 1 of an epoch, and their order by index."""

    data: DeviceImages
    order: Int[Array, "step batch"]
    first: int
    stop: int


class MemoryFeed:
    """Chunks of a whole epoch from images on the devices; `order` maps an epoch to its order."""

    def __init__(self, data: DeviceImages, order: Callable[[int], Array]):
        self._data, self._order = data, order

    def chunk(self, epoch: int, step: int) -> Chunk:
        """The whole epoch."""
        order = self._order(epoch)
        return Chunk(self._data, order, 0, len(order))

    def close(self) -> None:
        """No-op."""


class DiskFeed:
    """Chunks decoded from images on disk; `order` maps an epoch to its order."""

    def __init__(self, data: DiskImages, layout: Layout, order: Callable[[int], Array]):
        self._data, self._layout, self._order = data, layout, order
        self._epoch: int | None = None

    def chunk(self, epoch: int, step: int) -> Chunk:
        """The chunk that holds a step; steps must not go back within an epoch."""
        if epoch != self._epoch:
            self.close()
            self._epoch, self._chunks = epoch, self._read(epoch, step)
            self._chunk = next(self._chunks)
        while step >= self._chunk.stop:
            self._chunk = next(self._chunks)
        return self._chunk

    def close(self) -> None:
        """End the decoding threads."""
        if self._epoch is not None:
            self._chunks.close()

    def _read(self, epoch: int, step: int) -> Generator[Chunk]:
        images, labels, preprocessing = self._data
        order = np.asarray(self._order(epoch))
        steps, batch = order.shape
        size = batch * min(steps, max(1, chunk_images(images) // batch))
        in_chunk = jnp.arange(size).reshape(-1, batch)
        with closing(decoded_ahead(images, order[step:].ravel(), size)) as decoded:
            for pixels in decoded:
                stop = min(step + len(in_chunk), steps)
                own = np.zeros(size, np.int32)
                own[: (stop - step) * batch] = labels[order[step:stop].ravel()]
                data = DeviceImages(jnp.asarray(pixels), jnp.asarray(own), preprocessing)
                yield Chunk(replicate(self._layout, data), in_chunk, step, stop)
                step = stop


ImageFeed = MemoryFeed | DiskFeed


def make_feed(data: TrainingImages, layout: Layout, training: TrainingConfig) -> ImageFeed:
    """The feed of training images on the devices or on disk."""
    n_images, batch = len(data.labels), training.batch_size
    order_seed, *_ = shared_seeds(training)

    @lru_cache(maxsize=1)
    def order(epoch: int) -> Int[Array, "step batch"]:
        return epoch_order(order_seed, epoch, n_images, batch)

    if isinstance(data, DiskImages):
        return DiskFeed(data, layout, order)
    return MemoryFeed(data, order)


def on_all_devices(layout: Layout, data: TrainingImages) -> TrainingImages:
    """Images copied to every device, unless they are on disk."""
    return data if isinstance(data, DiskImages) else replicate(layout, data)


def predict_all(
    predict: Callable, parameters: Parameters, data: TrainingImages, layout: Layout
) -> Int[np.ndarray, "instance image"]:
    """The most likely category of every image, by `predict` of `Programs`."""
    if isinstance(data, DeviceImages):
        return np.asarray(collect(layout, predict(parameters, data)))
    n = len(data.images)
    size = min(n, max(1, chunk_images(data.images)))
    unknown = jnp.zeros(size, jnp.int32)
    predictions = []
    with closing(decoded_ahead(data.images, np.arange(n), size)) as decoded:
        for pixels in decoded:
            chunk = replicate(
                layout, DeviceImages(jnp.asarray(pixels), unknown, data.preprocessing)
            )
            predictions.append(np.asarray(collect(layout, predict(parameters, chunk))))
    return np.concatenate(predictions, axis=1)[:, :n]


def chunk_images(images: StoredImages) -> int:
    """Number of images in a chunk."""
    return CHUNK_BYTES // math.prod(images.image_shape)


def decoded_ahead(
    images: StoredImages, numbers: Int[np.ndarray, " chosen"], size: int
) -> Generator[UInt8[np.ndarray, "size height width channel"]]:
    """Pixels of images in the given order, `size` at a time, the last ones padded with zeros.

    The next ones are decoded in the meantime. Close the generator if it is not exhausted.
    """
    import grain  # takes a second to import

    chosen = images.chosen[numbers]
    blocks = (
        grain.MapDataset.range(len(chosen))
        .map(lambda place: images.read(int(chosen[place])))
        .batch(_BLOCK)
        .to_iter_dataset(
            grain.ReadOptions(num_threads=n_cores(), prefetch_buffer_size=math.ceil(size / _BLOCK))
        )
    )
    left = np.empty((0, *images.image_shape), np.uint8)
    with closing(iter(blocks)) as decoded:
        for start in range(0, len(numbers), size):
            pixels = np.zeros((size, *images.image_shape), np.uint8)
            wanted, filled = min(size, len(numbers) - start), 0
            while filled < wanted:
                left = left if len(left) else next(decoded)
                taken = min(len(left), wanted - filled)
                pixels[filled : filled + taken] = left[:taken]
                left, filled = left[taken:], filled + taken
            yield pixels

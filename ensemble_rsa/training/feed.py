"""Where training gets its images: from the device's memory, or chunk by chunk from disk.

A chunk holds the images of some steps, in the order of those steps, and the training program takes
it for a small data set of its own. So one program serves both ways, and gives the same networks.
Chunks are decoded by `grain`, in threads and ahead of use: while the device computes.
"""

import math
import os
from collections.abc import Callable, Generator
from contextlib import closing
from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt8

from ensemble_rsa.config.settings import TrainingConfig
from ensemble_rsa.data.preprocessing import Preprocessing
from ensemble_rsa.data.source import StoredImages
from ensemble_rsa.models.devices import Layout, collect, replicate
from ensemble_rsa.models.ensemble import Parameters
from ensemble_rsa.training.step import DeviceImages, epoch_order

CHUNK_BYTES = 2**26  # of decoded images; three chunks exist at a time
_BLOCK = 16  # images that a thread decodes in one go


class Stored(NamedTuple):
    """Images on disk, with what turns them into a network's input."""

    images: StoredImages
    labels: Int[np.ndarray, " image"]
    preprocessing: Preprocessing


class Chunk(NamedTuple):
    """The images of some steps of an epoch.

    Attributes:
        data: on the devices.
        order: numbers among these images `(step, batch)`.
        first, stop: the first step whose images these are, and the one after the last.
    """

    data: DeviceImages
    order: Int[Array, "step batch"]
    first: int
    stop: int


class FromMemory:
    """All images are on the devices.

    Args:
        data: these images.
        order: the order of an epoch.
    """

    def __init__(self, data: DeviceImages, order: Callable[[int], Array]):
        self._data, self._order = data, order

    def chunk(self, epoch: int, step: int) -> Chunk:
        """Images of the whole epoch."""
        order = self._order(epoch)
        return Chunk(self._data, order, 0, len(order))

    def close(self) -> None:
        """There is nothing to let go of."""


class FromDisk:
    """Images are decoded when their turn comes.

    Args:
        data: these images.
        placing: where chunks go.
        order: the order of an epoch.
    """

    def __init__(self, data: Stored, placing: Layout, order: Callable[[int], Array]):
        self._data, self._placing, self._order = data, placing, order
        self._epoch: int | None = None

    def chunk(self, epoch: int, step: int) -> Chunk:
        """Images of this step and some that follow; steps only go forward within an epoch."""
        if epoch != self._epoch:
            self.close()
            self._epoch, self._chunks = epoch, self._read(epoch, step)
            self._chunk = next(self._chunks)
        while step >= self._chunk.stop:
            self._chunk = next(self._chunks)
        return self._chunk

    def close(self) -> None:
        """Let go of threads."""
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
                yield Chunk(replicate(self._placing, data), in_chunk, step, stop)
                step = stop


Feed = FromMemory | FromDisk


def make_feed(data: DeviceImages | Stored, placing: Layout, training: TrainingConfig) -> Feed:
    """The feed for images that are on the device already, or on disk.

    Args:
        data: training images.
        placing: where instances lie.
        training: its batch size and order.
    """
    n_images, batch = len(data.labels), training.batch_size

    @lru_cache(maxsize=1)
    def order(epoch: int) -> Int[Array, "step batch"]:
        return epoch_order(training.order_seed, epoch, n_images, batch)

    if isinstance(data, Stored):
        return FromDisk(data, placing, order)
    return FromMemory(data, order)


def on_all(placing: Layout, data: DeviceImages | Stored) -> DeviceImages | Stored:
    """Images on every device, unless they are on disk."""
    return data if isinstance(data, Stored) else replicate(placing, data)


def answers(
    predict: Callable, parameters: Parameters, data: DeviceImages | Stored, placing: Layout
) -> Int[np.ndarray, "instance image"]:
    """The most likely category of every image.

    Args:
        predict: of `Programs`.
        parameters: stacked, on the devices.
        data: images on these devices, or on disk.
        placing: of the parameters.
    """
    if isinstance(data, DeviceImages):
        return np.asarray(collect(placing, predict(parameters, data)))
    n = len(data.images)
    size = min(n, max(1, chunk_images(data.images)))
    unknown = jnp.zeros(size, jnp.int32)
    found = []
    with closing(decoded_ahead(data.images, np.arange(n), size)) as decoded:
        for pixels in decoded:
            chunk = replicate(
                placing, DeviceImages(jnp.asarray(pixels), unknown, data.preprocessing)
            )
            found.append(np.asarray(collect(placing, predict(parameters, chunk))))
    return np.concatenate(found, axis=1)[:, :n]


def chunk_images(images: StoredImages) -> int:
    """How many of these images fill a chunk."""
    return CHUNK_BYTES // math.prod(images.image_shape)


def decoded_ahead(
    images: StoredImages, numbers: Int[np.ndarray, " chosen"], size: int
) -> Generator[UInt8[np.ndarray, "size height width channel"]]:
    """Pixels of these images in this order, `size` at a time; the last time filled up with zeros.

    As many again are decoded while the caller has these. Close it if it is not used up.
    """
    import grain  # a second to import, and only needed here

    chosen = images.chosen[numbers]
    blocks = (
        grain.MapDataset.range(len(chosen))
        .map(lambda place: images.read(int(chosen[place])))
        .batch(_BLOCK)
        .to_iter_dataset(
            grain.ReadOptions(
                num_threads=os.cpu_count() or 1, prefetch_buffer_size=math.ceil(size / _BLOCK)
            )
        )
    )
    left = np.empty((0, *images.image_shape), np.uint8)
    with closing(iter(blocks)) as decoded:
        for start in range(0, len(numbers), size):
            pixels = np.zeros((size, *images.image_shape), np.uint8)
            wanted = min(size, len(numbers) - start)
            filled = 0
            while filled < wanted:
                left = left if len(left) else next(decoded)
                taken = min(len(left), wanted - filled)
                pixels[filled : filled + taken] = left[:taken]
                left, filled = left[taken:], filled + taken
            yield pixels

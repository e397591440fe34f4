"""Images that are shown to networks: a folder of files, an array, or batches of a data loader."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ensemble_rsa.arrays import as_numpy, check_labels
from ensemble_rsa.data.decoding import decode_rgb
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.identifiers import match_ids, read_labels
from ensemble_rsa.interop.networks.network import n_images
from ensemble_rsa.interop.networks.preprocess import Preprocess, prepared_image
from ensemble_rsa.interop.networks.scratch import ImageStore
from ensemble_rsa.jax_settings import n_cores

Batches = Callable[[], Iterator[Any]]


@dataclass(frozen=True, eq=False)
class Images:
    """Images in a fixed order.

    Attributes:
        ids: one for each image.
        categories: of each image, where folders or a data loader say so.
        batches: yields all images, batch by batch; can be called again and again.
        files: the folder or files that they were read from.
        notes: how they are read.
        pictures: yields the pixels of each image, 0 … 255; None for arrays.
    """

    ids: tuple[Any, ...]
    categories: tuple[Any, ...] | None
    batches: Batches
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: Callable[[], Iterator[np.ndarray]] | None = None


class ImageFiles(NamedTuple):
    """Image files in order, their ids and categories, and the folder or files that were given."""

    files: list[Path]
    ids: list[str]
    categories: list[str] | None
    given: tuple[Path, ...]


def list_image_files(images: Any) -> ImageFiles | None:
    """Return the files of a folder or a list of files; None for images that are no files.

    In a folder, images are either all in sub-folders, one for each category, or all at its top.
    Order: sub-folders, then file names, both sorted.

    Raises:
        InputError: no such folder, no images in it, or images beside sub-folders of images.
    """
    if isinstance(images, str | Path):
        return _list_folder(Path(images))
    is_list = isinstance(images, list | tuple) and len(images) > 0
    if is_list and all(isinstance(one, str | Path) for one in images):
        files = [Path(one) for one in images]
        if lacking := [file for file in files if not file.is_file()]:
            raise InputError(f"images: {lacking[0]}: no such file")
        names = [file.name for file in files]
        ids = names if len({*names}) == len(names) else [file.as_posix() for file in files]
        return ImageFiles(files, ids, None, tuple(files))
    return None


def _list_folder(folder: Path) -> ImageFiles:
    if not folder.is_dir():
        raise InputError(f"images: expected a folder of images, got {folder}")
    suffixes = {*Image.registered_extensions()}

    def inside(path: Path) -> list[Path]:
        entries = sorted(path.iterdir(), key=lambda entry: entry.name)
        return [entry for entry in entries if not entry.name.startswith(".")]

    def images_in(path: Path) -> list[Path]:
        return [entry for entry in inside(path) if entry.suffix.lower() in suffixes]

    top = [file for file in images_in(folder) if file.is_file()]
    below = {one.name: images_in(one) for one in inside(folder) if one.is_dir()}
    below = {name: files for name, files in below.items() if files}
    if top and below:
        raise InputError(
            f"images: expected images in {folder} or in one sub-folder for each category, got "
            f"both: {top[0].name} and {next(iter(below))}/"
        )
    files = top or [file for files in below.values() for file in files]
    if not files:
        raise InputError(f"images: {folder} has no images ({', '.join(sorted(suffixes)[:6])} …)")
    ids = [file.relative_to(folder).as_posix() for file in files]
    categories = None if top else [file.parent.name for file in files]
    return ImageFiles(files, ids, categories, (folder,))


def images_from_files(
    listed: ImageFiles,
    preprocess: Preprocess,
    batch_size: int,
    scratch: Path | None,
    notes: Sequence[str] = (),
) -> Images:
    """Return images that are decoded once, in threads, and kept in a scratch store."""
    files, categories = listed.files, listed.categories
    store: list[ImageStore] = []

    def prepare(file: Path) -> np.ndarray:
        return prepared_image(file, preprocess, decode_rgb)

    def decoded() -> Iterator[np.ndarray]:
        ahead: list[Future[np.ndarray]] = []
        with ThreadPoolExecutor(n_cores()) as threads:
            try:
                for start in range(0, len(files), batch_size):
                    stop = min(start + 2 * batch_size, len(files))  # a batch ahead of the network
                    coming = files[start + len(ahead) : stop]
                    ahead += [threads.submit(prepare, file) for file in coming]
                    batch = [one.result() for one in ahead[:batch_size]]
                    ahead = ahead[batch_size:]
                    yield _stacked(batch, files[start : start + batch_size], store)
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def batches() -> Iterator[np.ndarray]:
        if store and store[0].n_written == len(files):
            for start in range(0, len(files), batch_size):
                yield store[0][start : start + batch_size]
            return
        store.clear()
        for batch in decoded():
            if not store:
                store.append(ImageStore(len(files), batch.shape[1:], scratch))
            store[0].append(batch)
            yield batch

    named = None if categories is None else tuple(categories)
    pictures = lambda: (np.asarray(decode_rgb(file)) for file in files)
    return Images(tuple(listed.ids), named, batches, listed.given, tuple(notes), pictures)


def _stacked(batch: list[np.ndarray], files: Sequence[Path], store: list[ImageStore]) -> np.ndarray:
    expected = store[0].shape[1:] if store else batch[0].shape
    for image, file in zip(batch, files, strict=True):
        if image.shape != expected:
            raise InputError(
                f"images: expected prepared images of one shape, got {image.shape} for {file} and "
                f"{tuple(expected)} before; give a preprocess that crops or resizes"
            )
    # in this order also where every image is transposed, since kernels round by memory order
    return np.ascontiguousarray(np.stack(batch))


def images_from_array(images: Any, batch_size: int) -> Images:
    """Return images that lie in an array `(stimulus, ...)` of any library."""
    if len(images.shape) < 2 or 0 in images.shape:
        raise InputError(
            f"images: expected an array (stimulus, ...) of images, got shape {tuple(images.shape)}"
        )
    n = images.shape[0]
    coordinates = getattr(images, "coords", {})
    ids, categories = (
        tuple(coordinates[name].values.tolist()) if name in coordinates else None
        for name in ("stimulus", "category")
    )
    # tensors stay on their device; everything else is read as NumPy
    values = images if hasattr(images, "detach") else None

    def batches() -> Iterator[Any]:
        for start in range(0, n, batch_size):
            part = slice(start, start + batch_size)
            yield as_numpy(images[part]) if values is None else values[part]

    return Images(ids or tuple(str(i) for i in range(n)), categories, batches)


def images_from_loader(loader: Iterable[Any]) -> Images:
    """Return the batches of a data loader, or of a list: images, or (images, labels), or mappings.

    They are read once to count them; later passes must give the same images in the same order.
    """
    if iter(loader) is loader:
        raise InputError(
            "images: got an iterator, which is empty after the first network; give a list of "
            "batches, a DataLoader, an array, or a folder"
        )
    counts: list[int] = []
    labels: list[Any] = []
    sums: list[int] = []
    for batch in loader:
        shown, label = _parts(batch)
        counts.append(n_images(shown))
        sums.append(_checksum(shown))
        labels += [] if label is None else np.asarray(label).tolist()
    if not counts:
        raise InputError("images: expected batches of images, got none")
    n = sum(counts)

    def batches() -> Iterator[Any]:
        number = -1
        for number, batch in enumerate(loader):
            shown, _ = _parts(batch)
            if number >= len(sums) or _checksum(shown) != sums[number]:
                raise InputError(
                    f"images: batch {number} differs between two passes; give a data loader "
                    "without shuffling and without random augmentation"
                )
            yield shown
        if number + 1 != len(sums):
            raise InputError(
                f"images: expected {len(sums)} batches as in the first pass, got {number + 1}"
            )

    categories = tuple(labels) if len(labels) == n else None
    return Images(tuple(str(i) for i in range(n)), categories, batches)


def _parts(batch: Any) -> tuple[Any, Any]:
    """Images and labels of a batch."""
    if isinstance(batch, Mapping):
        return {name: part for name, part in batch.items() if name != "labels"}, batch.get("labels")
    if isinstance(batch, tuple | list) and batch:
        images, *others = batch
        return images, others[0] if others and np.ndim(others[0]) == 1 else None
    if not hasattr(batch, "shape"):
        raise InputError(
            f"images: expected batches of arrays, or (images, labels), got {type(batch).__name__}; "
            "wrap a data set in a DataLoader"
        )
    return batch, None


def _checksum(images: Any) -> int:
    parts = list(images.values()) if isinstance(images, Mapping) else [images]
    total = 0
    for part in parts:
        values = part.detach().cpu().numpy() if hasattr(part, "detach") else np.asarray(part)
        total = zlib.adler32(np.ascontiguousarray(values).tobytes(), total)
    return total


def categories_of(labels: Any, images: Images) -> tuple[Any, ...]:
    """Return the category of each image: as given, else as the images say, else "" for all.

    Args:
        labels: one for each image; a mapping of ids to categories; or a CSV file with the columns
            stimulus and category.
        images: the images.
    """
    if labels is None:
        labels = images.categories
    if labels is None:
        return ("",) * len(images.ids)
    if isinstance(labels, str | Path):
        labels = read_labels(Path(labels))
    if isinstance(labels, Mapping):
        ids, values = [str(one) for one in images.ids], list(labels.values())
        order = match_ids("labels", list(map(str, labels)), ids, "the images").order
        labels = [values[i] for i in order]
    codes, names = check_labels("labels", labels, len(images.ids))
    return tuple(names[codes].tolist())

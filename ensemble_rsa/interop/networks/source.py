"""Networks of other frameworks as a source of activations for `ensemble_rsa.extract`."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensemble_rsa.arrays import check_count
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.sources import PROBED, ActivationSource
from ensemble_rsa.interop.networks import images as shown
from ensemble_rsa.interop.networks.network import (
    Layer,
    Network,
    choose_layers,
    n_images,
    some_images,
)
from ensemble_rsa.interop.networks.opened import Networks, open_networks
from ensemble_rsa.interop.networks.pictures import pictures_in
from ensemble_rsa.interop.networks.preprocess import Preprocess, default_preprocess
from ensemble_rsa.interop.networks.scratch import LayerStore, as_rows
from ensemble_rsa.models.by_name import function_by_name, lasting_name

ImageProgress = Callable[[int, int], None]
BATCH_SIZE = 64
_LOG = logging.getLogger("ensemble_rsa")


def from_networks(
    networks: Any,
    images: Any,
    layers: str | Sequence[str] = "auto",
    labels: Any = None,
    batch_size: int = BATCH_SIZE,
    build: str | Callable[..., Any] | None = None,
    preprocess: str | Preprocess | None = None,
    device: str | None = None,
    scratch: str | Path | None = None,
    progress: ImageProgress | None = None,
) -> ActivationSource:
    """Return the activations of networks of any framework as a source for `ensemble_rsa.extract`.

    The networks run one after the other, in evaluation mode and without gradients, and are left as
    they were. Each image is shown once to each network; activations are kept in a temporary store
    until their RDMs are computed, on disk if they are large.

    Args:
        networks: a list of PyTorch modules, Keras models, or functions that take a batch of images
            and return a mapping of layers to activations `(stimulus, ...)`; or a mapping of names
            to these. A pattern such as `"nets/seed{instance}.keras"` for files of Keras. With
            `build`, checkpoints: a pattern such as `"ckpt/seed{instance}.pt"`, a list or a mapping
            of files.
        images: a folder of images, or of one sub-folder for each category; a list of image files;
            an array `(stimulus, ...)`; or batches of images, or of `(images, labels)`, from a list
            or a data loader that neither shuffles nor augments.
        layers: names; `"auto"` for the outputs of blocks. They come in the order of computation.
        labels: the category of each image: one for each, a mapping from ids, or a CSV file with the
            columns `stimulus` and `category`. By default what sub-folders or the loader say.
        batch_size: images at a time, unless `images` are batches.
        build: what builds a network for the checkpoints: a function without arguments, or with one,
            the path of the checkpoint, which then loads the weights itself; or a name:
            `"my_nets:build"`, `"my_nets.py:build"`, `"timm:NAME"`, `"torchvision:NAME"` (arguments
            follow after commas, as in `"timm:resnet18,num_classes=10"`) or `"hf:FOLDER"`.
        preprocess: makes an array or a tensor of an image (of Pillow, in RGB) from a file, or the
            name of such a function. By default what timm, torchvision or transformers say for this
            network.
        device: of PyTorch networks, such as `"cuda"` or `"cpu"`; by default an accelerator if there
            is one.
        scratch: folder for temporary files; that of the system when not given.
        progress: called with the number of images shown, to all networks together, and of all.

    Returns:
        The source. Its `notes` say how networks and images were read.

    Raises:
        InputError: unknown layers or files; layers whose leading axis is not the stimuli; a
            checkpoint that does not match, or that only unpickling could read; a library that is
            missing; images that do not fit the networks.

    >>> networks = [lambda images, k=k: {"power": images**k} for k in (1, 2, 3)]
    >>> source = from_networks(networks, np.random.default_rng(0).normal(size=(6, 4)))
    >>> source.layers, source.instances, len(source.stimuli)
    (('power',), (0, 1, 2), 6)
    """
    check_count("batch_size", batch_size, 1)
    folder = None if scratch is None else Path(scratch)
    opened = _open(networks, images, batch_size, build, preprocess, device, folder)
    chosen = choose_layers(opened.listed, layers, opened.first.what)
    categories = shown.categories_of(labels, opened.images)
    if layers == "auto":
        _LOG.info("layers: %s", ", ".join(map(str, chosen)))
    stream = _Stream(opened, chosen, folder, progress)
    names = opened.networks
    return ActivationSource(
        layers=tuple(layer.name for layer in chosen),
        instances=names.names,
        seeds=names.seeds,
        stimuli=opened.images.ids,
        categories=categories,
        activations=stream.activations,
        attributes={"model": opened.first.model},
        recipe=_recipe(names, images, chosen, labels, batch_size, opened.preprocess, device),
        files=_files(opened, labels),
        libraries=tuple(dict.fromkeys((*opened.first.libraries, *names.libraries))),
        notes=(*names.notes, *opened.images.notes, *_layer_notes(chosen)),
        weights=stream.weights if opened.first.has_weights else None,
        probe=stream.probe,
        images=opened.images.pictures or pictures_in(opened.images.batches, opened.few),
    )


def list_layers(
    networks: Any,
    images: Any,
    build: str | Callable[..., Any] | None = None,
    preprocess: str | Preprocess | None = None,
    device: str | None = None,
) -> list[Layer]:
    """Return every layer of the first network with its shape; arguments as in `from_networks`.

    >>> [str(one) for one in list_layers([lambda images: {"same": images}], np.ones((1, 2, 3)))]
    ['same (2 × 3)']
    """
    return _open(networks, images, BATCH_SIZE, build, preprocess, device, None).listed


class _Opened(NamedTuple):
    """Networks and images that fit each other, and the layers of the first network."""

    networks: Networks
    images: shown.Images
    first: Any
    listed: list[Layer]
    preprocess: str | None  # its name, if it has one; "" for one without a name
    few: Any  # the first images, which `probe` shows


def _open(
    networks: Any,
    images: Any,
    batch_size: int,
    build: Any,
    preprocess: Any,
    device: str | None,
    scratch: Path | None,
) -> _Opened:
    listed = shown.list_image_files(images)  # before anything that takes time
    if listed is None and preprocess is not None:
        raise InputError(
            "preprocess: expected none for images that are arrays or batches; it is for files"
        )
    opened = open_networks(networks, build, device)
    module = opened.module(0)
    first = opened.wrap(module, 0)
    name = None
    if listed is not None:
        function, words, name = _preprocess(preprocess, module, build, first.what)
        given = shown.images_from_files(listed, function, batch_size, scratch, [words])
    elif hasattr(images, "shape"):
        given = shown.images_from_array(images, batch_size)
    elif hasattr(images, "__iter__") and not isinstance(images, Mapping):
        given = shown.images_from_loader(images)
    else:
        raise InputError(
            "images: expected a folder, an array, or batches of images, got "
            f"{type(images).__name__}"
            + ("; wrap the data set in a DataLoader" if hasattr(images, "__getitem__") else "")
        )
    batch = next(iter(given.batches()))
    # indexed by an array, so that the rest of the batch is not kept with them
    few = some_images(batch, np.arange(min(PROBED, n_images(batch))))
    return _Opened(opened, given, first, first.layers(batch), name, few)


def _preprocess(
    preprocess: Any, module: Any, build: Any, what: str
) -> tuple[Preprocess, str, str | None]:
    """Return the function, its description, and its name; "" if it has none, None by default."""
    if isinstance(preprocess, str):
        function, file = function_by_name("preprocess", preprocess)
        name = lasting_name(preprocess, file)
        return function, f"images are prepared by {preprocess}", name
    if preprocess is not None:
        name = getattr(preprocess, "__name__", type(preprocess).__name__)
        return preprocess, f"images are prepared by {name}", ""
    default = default_preprocess(module, build)
    if default is None:
        raise InputError(
            f"preprocess: nothing says how {what} wants images prepared; give preprocess=, a "
            "function from an image of Pillow to an array or a tensor (such as a transform of "
            "torchvision), or images as an array"
        )
    return *default, None


class _Stream:
    """Shows all images to one network after the other."""

    def __init__(
        self,
        opened: _Opened,
        layers: Sequence[Layer],
        scratch: Path | None,
        progress: ImageProgress | None,
    ):
        self._opened, self._scratch, self._progress = opened, scratch, progress
        self._units = {layer.name: layer.n_units for layer in layers}
        self._n = len(opened.images.ids)
        self._last: tuple[int, Network] = (0, opened.first)

    def activations(self, position: int) -> Iterator[tuple[str, Any]]:
        """Yield the layers of one network, after all images were shown to it."""
        network = self._network(position)
        store = LayerStore(self._n, self._units, self._scratch)
        self._show_all(network, position, store)
        for name in self._units:
            yield name, store.take(name)

    def _network(self, position: int) -> Network:
        opened = self._opened
        if position == 0:
            return opened.first
        if position != self._last[0]:
            self._last = (0, opened.first)  # so that the last one is freed before the next is built
            self._last = (
                position,
                opened.networks.wrap(opened.networks.module(position), position),
            )
        return self._last[1]

    def weights(self, position: int) -> Mapping[str, np.ndarray]:
        """Return the weights of one network."""
        return self._network(position).weights()

    def probe(self, position: int) -> list[dict[str, np.ndarray]]:
        """Return activations of the first images, of the same again, and of copies of one."""
        network, few, results = self._network(position), self._opened.few, []
        copies = some_images(few, np.zeros(n_images(few), int))
        # in one context, which restores the state of generators when it is left
        with network.running(list(self._units)) as show:
            for batch in (few, few, copies):
                found: dict[str, np.ndarray] = {}
                results.append(found)
                show(batch, lambda name, values: found.update({name: as_rows(values).copy()}))  # noqa: B023
        return results

    def _show_all(self, network: Network, position: int, store: LayerStore) -> None:
        start = size = 0

        def keep(name: str, values: Any) -> None:
            rows = as_rows(values)
            self._check(f"{network.what}: layer {name!r}", name, rows, size)
            store.write(name, start, rows)

        with network.running(list(self._units)) as show:
            for batch in self._opened.images.batches():
                size = n_images(batch)
                show(batch, keep)
                start += size
                if self._progress:
                    total = self._n * len(self._opened.networks.names)
                    self._progress(position * self._n + start, total)

    def _check(self, what: str, name: str, rows: np.ndarray, size: int) -> None:
        expected = (size, self._units[name])
        if rows.shape != expected:
            raise InputError(
                f"{what} has {rows.shape[1]} units for {rows.shape[0]} stimuli, expected "
                f"{expected[1]} for {expected[0]} as in the first network"
            )
        # A sum is not finite wherever a value is not, and takes a fraction of the time.
        with np.errstate(all="ignore"):
            suspicious = not np.isfinite(rows.sum())
        if suspicious and not np.isfinite(rows).all():
            raise InputError(f"{what} has activations that are not finite; leave this network out")


def _layer_notes(layers: Sequence[Layer]) -> Iterator[str]:
    """Notes on layers, those that share one together."""
    by_note: dict[str, list[str]] = {}
    for layer in layers:
        if layer.note:
            by_note.setdefault(layer.note, []).append(layer.name)
    for note, names in by_note.items():
        yield f"{', '.join(names)}: {note}"
    maps = [str(layer) for layer in layers if len(layer.shape) > 2]
    if maps:
        yield f"maps are flattened to one row of units for each stimulus: {', '.join(maps)}"


def _recipe(
    networks: Networks,
    images: Any,
    layers: Sequence[Layer],
    labels: Any,
    batch_size: int,
    preprocess: str | None,
    device: str | None,
) -> dict[str, Any] | None:
    """Return plain values from which the source can be made again; None for objects in memory."""
    from_files = networks.given is not None and isinstance(images, str | Path)
    plain = labels is None or isinstance(labels, str | Path)
    if not from_files or not plain or preprocess == "":
        return None
    if networks.build is None and "keras" not in networks.libraries:
        return None
    arguments = {
        "networks": dict(networks.given or {}),
        "images": str(Path(images).resolve()),
        "layers": [layer.name for layer in layers],
        "labels": None if labels is None else str(Path(labels).resolve()),
        "batch_size": batch_size,
        "build": networks.build,
        "preprocess": preprocess,
        "device": device,
    }
    return {"reader": "networks", "arguments": arguments}


def _files(opened: _Opened, labels: Any) -> tuple[Path, ...]:
    from_labels = (Path(labels),) if isinstance(labels, str | Path) else ()
    return (*opened.networks.files, *opened.images.files, *from_labels)

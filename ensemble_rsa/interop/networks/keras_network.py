"""Keras 3 models, on any backend: a sub-model returns the outputs of the chosen layers.

A layer that is used several times has no single output, and a subclassed model no graph; for these,
a function `images → {layer: activations}` is the way.
"""

import io
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ensemble_rsa.errors import InputError, kind_and_first_line
from ensemble_rsa.interop.networks.network import (
    Layer,
    Runner,
    Sink,
    first_images,
    n_images,
    one_sentence,
    some_names,
)
from ensemble_rsa.interop.optional import optional_import

_COMPLETING = ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "BatchNormalization")
_REPEATING = ("InputLayer", "Dropout", "Flatten", "Reshape", "SpatialDropout2D", "Identity")


class KerasNetwork:
    """A functional or sequential `keras.Model`, called with `training=False`."""

    libraries: tuple[str, ...] = ("keras",)
    has_weights = True

    def __init__(self, model: Any, what: str = "network"):
        """Wrap a model that has a graph."""
        self._keras = optional_import("keras", "keras", "a Keras network")
        self._model, self.what = model, what
        self.model: str = model.name
        if not getattr(model, "inputs", None):
            raise InputError(
                f"{what}: got a Keras model without a graph (subclassed, or not built yet); call "
                "it once, or give a function images → {layer: activations}"
            )

    def _outputs(self) -> dict[str, Any]:
        """Return the symbolic output of each layer, or why it has none, in the model's order."""
        outputs: dict[str, Any] = {}
        for layer in self._model.layers:
            try:
                outputs[layer.name] = layer.output
            except (AttributeError, ValueError):
                outputs[layer.name] = (
                    "is used more than once or has no output of its own; give a function "
                    "images → {layer: activations}"
                )
        return outputs

    def layers(self, images: Any) -> list[Layer]:
        """Return the output of every layer, in the order of computation."""
        outputs = self._outputs()
        usable = [name for name, output in outputs.items() if not isinstance(output, str)]
        usable = [name for name in usable if not isinstance(outputs[name], Mapping | list | tuple)]
        shapes: dict[str, tuple[int, ...]] = {}
        few = first_images(images, min(2, n_images(images)))
        with self.running(usable) as show:
            show(few, lambda name, values: shapes.update({name: tuple(values.shape)}))
        auto, described = _bottlenecks(self._model), []
        for name, output in outputs.items():
            shape = shapes.get(name, ())
            problem = output if isinstance(output, str) else None
            if problem is None and name not in shapes:
                problem = "returns several tensors; give a function images → {layer: activations}"
            elif problem is None and (not shape or shape[0] != n_images(few)):
                problem = f"does not have the stimuli on its leading axis: it returns {shape}"
            described.append(Layer(name, shape[1:], name in auto, None, problem))
        return described

    @contextmanager
    def running(self, layers: Sequence[str]) -> Iterator[Runner]:
        """Yield a function that shows a batch and passes each layer's activations to a sink."""
        outputs = self._outputs()
        if unknown := [name for name in layers if name not in outputs]:
            raise InputError(f"{self.what}: has no layer {unknown[0]!r}")
        chosen = {name: outputs[name] for name in layers}
        part = self._keras.Model(self._model.input, chosen)
        to_numpy = self._keras.ops.convert_to_numpy

        def show(images: Any, sink: Sink) -> None:
            with one_sentence(self.what, images):
                for name, values in part(_as_numpy(images), training=False).items():
                    sink(name, to_numpy(self._keras.ops.stop_gradient(values)))

        yield show

    def weights(self) -> Mapping[str, np.ndarray]:
        """Return all variables by path."""
        to_numpy = self._keras.ops.convert_to_numpy
        return {variable.path: to_numpy(variable.value) for variable in self._model.variables}


def load_keras(path: Path) -> Any:
    """Return the model in a `.keras` file; code in it is not run."""
    keras = optional_import("keras", "keras", "a .keras file")
    if not path.is_file():
        raise InputError(f"networks: {path}: no such file")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        reason = kind_and_first_line(error)[:200]
        raise InputError(
            f"networks: {path} cannot be opened as a Keras model without running code in it "
            f"({reason})"
        ) from error


def load_keras_weights(model: Any, path: Path) -> None:
    """Put the weights in a `.weights.h5` or `.keras` file into a model.

    Keras leaves a weight as it was drawn, or passes over one in the file, in some cases without an
    error; both are found here.

    Raises:
        InputError: weights that are missing, not expected, or of another shape.
    """
    weights = [one for one in model.variables if "float" in str(one.dtype)]
    for variable in weights:
        variable.assign(np.full(variable.shape, np.nan))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model.load_weights(path)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InputError(f"checkpoints: {path} does not match the network ({reason})") from error
    problems = []
    if missing := [
        one.path for one in weights if np.isnan(one.numpy()).all() and 0 not in one.shape
    ]:
        problems.append(f"{len(missing)} missing ({some_names(missing)})")
    if unexpected := _unexpected(path, [tuple(one.shape) for one in weights]):
        problems.append(f"{len(unexpected)} unexpected ({some_names(unexpected)})")
    if problems:
        raise InputError(
            f"checkpoints: the weights in {path} do not match {model.name}: {', '.join(problems)} "
            f"of {len(weights)}"
        )


def _unexpected(path: Path, shapes: Sequence[tuple[int, ...]]) -> list[str]:
    """Return the weights in a file of Keras 3 that a model with such shapes has no place for.

    Places are matched by shape, since the names in the file are not those of the model.
    """
    file: Any = path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            file = io.BytesIO(archive.read("model.weights.h5"))
    free, unexpected = Counter(shapes), []

    def visit(name: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset) and np.issubdtype(entry.dtype, np.floating):
            if not free[entry.shape]:
                unexpected.append(f"{name} {entry.shape}")
            free[entry.shape] -= bool(free[entry.shape])

    with h5py.File(file) as stored:
        layers = stored.get("layers")  # beside it are the states of optimisers and metrics
        if isinstance(layers, h5py.Group):
            layers.visititems(visit)
    return unexpected


def _as_numpy(images: Any) -> Any:
    if isinstance(images, Mapping):
        return {name: np.asarray(part) for name, part in images.items()}
    return np.asarray(images)


def _bottlenecks(model: Any) -> set[str]:
    """Return the layers through which every path from the images to the output goes.

    In a graph without nested models, these are the ends of blocks. Of a layer that normalisation or
    an activation follows, the last output counts.
    """
    place = {layer.name: i for i, layer in enumerate(model.layers)}
    last_use = dict.fromkeys(place, -1)
    for layer in model.layers:
        for node in layer._inbound_nodes:
            for tensor in node.input_tensors:
                source = tensor._keras_history.operation.name
                if source in last_use:
                    last_use[source] = max(last_use[source], place[layer.name])
    ends: list[Any] = []
    for i, layer in enumerate(model.layers):
        open_earlier = any(last_use[other.name] > i for other in model.layers[:i])
        kind = type(layer).__name__
        if open_earlier or kind in _REPEATING:
            continue
        if kind in _COMPLETING and ends and last_use[ends[-1].name] == i:
            ends.pop()
        ends.append(layer)
    return {layer.name for layer in ends}

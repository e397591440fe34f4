"""What the readers of all frameworks share: layers, networks, and the errors of a forward pass."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ensemble_rsa.errors import InputError

Sink = Callable[[str, Any], None]  # takes a layer's name and its activations (stimulus, ...)
Runner = Callable[[Any, Sink], None]  # shows a batch of images


@dataclass(frozen=True)
class Layer:
    """One output of a network.

    Attributes:
        name: of the module, with `:2` for its second call and `[1]` for a further output.
        shape: for one stimulus.
        auto: whether it is the output of a block, which `layers="auto"` takes.
        note: how it is read, where that needs saying.
        problem: why it cannot be read; None if it can.
    """

    name: str
    shape: tuple[int, ...]
    auto: bool = False
    note: str | None = None
    problem: str | None = None

    @property
    def n_units(self) -> int:
        """How many numbers there are for one stimulus."""
        return int(np.prod(self.shape))

    def __str__(self) -> str:
        return f"{self.name} ({' × '.join(map(str, self.shape)) or 'one number'})"


@runtime_checkable
class Network(Protocol):
    """A network that can list its layers and show images to them.

    Attributes:
        what: its name in messages.
        model: what kind of network it is.
        libraries: packages that it runs on.
        has_weights: whether its weights are known.
    """

    what: str
    model: str
    libraries: tuple[str, ...]
    has_weights: bool

    def layers(self, images: Any) -> list[Layer]:
        """Return every layer that is computed for these images, in the order of computation."""
        ...

    def running(self, layers: Sequence[str]) -> Any:
        """Return a context with a `Runner` for some layers; the network is as before afterwards."""
        ...

    def weights(self) -> Mapping[str, np.ndarray]:
        """Return parameters and statistics by name; empty where they are not known."""
        ...


@contextmanager
def one_sentence(what: str, images: Any) -> Iterator[None]:
    """Raise an `InputError` that names the network for any error while it runs."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InputError(
            f"{what}: failed on images of {describe_images(images)} ({reason})"
        ) from error


def describe_images(images: Any) -> str:
    """Shape and type of a batch, in words."""
    if isinstance(images, Mapping):
        return ", ".join(f"{name} {describe_images(part)}" for name, part in images.items())
    shape, dtype = getattr(images, "shape", None), getattr(images, "dtype", type(images).__name__)
    return f"shape {tuple(shape)} and type {dtype}" if shape is not None else str(dtype)


def first_images(images: Any, n: int) -> Any:
    """Return the first images of a batch."""
    return some_images(images, slice(n))


def some_images(images: Any, which: slice | np.ndarray) -> Any:
    """Return some images of a batch."""
    if isinstance(images, Mapping):
        return {name: part[which] for name, part in images.items()}
    return images[which]


def n_images(images: Any) -> int:
    """How many images a batch has."""
    return len(next(iter(images.values())) if isinstance(images, Mapping) else images)


def choose_layers(layers: Sequence[Layer], wanted: str | Sequence[str], what: str) -> list[Layer]:
    """Return the wanted layers in the order of computation; "auto" stands for outputs of blocks.

    Raises:
        InputError: an unknown layer, one that cannot be read, none at all, or one named twice.
    """
    if isinstance(wanted, str) and wanted == "auto":
        chosen = [layer for layer in layers if layer.auto and layer.problem is None]
        if not chosen:
            raise InputError(f"layers: no output of {what} can be read; {_list_all(layers)}")
        return chosen
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    by_name = {layer.name: layer for layer in layers}
    if not names or len({*names}) < len(names):
        raise InputError(f"layers: expected names, each once, or 'auto', got {names}")
    for name in names:
        if name not in by_name:
            raise InputError(f"layers: {what} computes no layer {name!r}; {_list_all(layers)}")
        if (problem := by_name[name].problem) is not None:
            raise InputError(f"layers: {name!r} of {what} {problem}")
    return [layer for layer in layers if layer.name in names]


def _list_all(layers: Sequence[Layer]) -> str:
    names = [layer.name for layer in layers if layer.problem is None]
    shown = ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")
    return f"choose from {shown}" if names else "it has none"


def some_names(names: Sequence[str], n: int = 3) -> str:
    """Return the first names.

    >>> some_names("abcd"), some_names("ab")
    ('a, b, c, …', 'a, b')
    """
    return ", ".join(names[:n]) + (", …" if len(names) > n else "")

"""Outputs of the submodules of a Flax NNX module while it is called.

The classes of the submodules are exchanged for subclasses that report what `__call__` returns, and
what `sow` is given, to the recording under way. The module should be a copy made for one call.
"""

from contextvars import ContextVar
from functools import cache
from typing import Any

import jax.numpy as jnp
from flax import nnx

_CURRENT: ContextVar["Recording | None"] = ContextVar("recording", default=None)


class Recording:
    """Values by name, in order of computation.

    A submodule is named by its path, such as `blocks.0`, and by `blocks.0 (2)` the second time
    that it is called; a value that a module sows has the name that the module gives it.

    Attributes:
        module: what is called.
        values: everything that was reported.
    """

    def __init__(self, module: nnx.Module):
        self.values: dict[str, Any] = {}
        self.module = module
        self._shallow: set[str] = set()
        self._paths: dict[int, tuple[Any, ...]] = {}
        for path, each in nnx.iter_modules(module):
            self._paths[id(each)] = tuple(path)
            each.__class__ = _reporting(type(each))

    def call(self, *arguments: Any) -> Any:
        """Call the module and record; returns what it returns."""
        token = _CURRENT.set(self)
        try:
            return self.module(*arguments)  # pyright: ignore[reportCallIssue]
        finally:
            _CURRENT.reset(token)

    def automatic_layers(self, n_images: int) -> tuple[str, ...]:
        """Layers by default: what direct submodules return, dropout apart, and what is sown.

        The elements of a list of submodules count as direct ones.
        """
        return tuple(
            name
            for name, value in self.values.items()
            if name in self._shallow and is_layer(value, n_images)
        )

    def output(self, module: nnx.Module, value: Any) -> None:
        """Keep what a submodule returned."""
        path = self._paths.get(id(module), ())
        if path:  # else the module itself, or one that is made during the call
            of_list = len(path) == 2 and isinstance(path[1], int)
            is_shallow = (len(path) == 1 or of_list) and not isinstance(module, nnx.Dropout)
            self.keep(".".join(map(str, path)), value, is_shallow)

    def keep(self, name: str, value: Any, is_shallow: bool = True) -> None:
        """Keep a value under a name, numbered if the name was used before."""
        unique, number = name, 1
        while unique in self.values:
            number += 1
            unique = f"{name} ({number})"
        self.values[unique] = value
        if is_shallow:
            self._shallow.add(unique)


def is_layer(value: Any, n_images: int) -> bool:
    """Whether a value is one array of floating point numbers, `(image, …)`."""
    shape = getattr(value, "shape", ())
    return len(shape) > 1 and shape[0] == n_images and jnp.issubdtype(value.dtype, jnp.floating)


@cache
def _reporting(kind: type) -> type:
    """A subclass that reports to the recording under way."""

    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        value = kind.__call__(self, *arguments, **options)
        if recording := _CURRENT.get():
            recording.output(self, value)
        return value

    def sow(self: Any, variable_type: Any, name: str, value: Any, **options: Any) -> bool:
        del self, variable_type, options
        if recording := _CURRENT.get():
            recording.keep(name, value)
        return True

    methods: dict[str, Any] = {"sow": sow}
    if any("__call__" in vars(base) for base in kind.__mro__):
        methods["__call__"] = call
    return type(kind)(kind.__name__, (kind,), methods)

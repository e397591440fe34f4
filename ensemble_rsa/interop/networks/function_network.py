"""Functions `images → {layer: activations}` of any framework, such as Flax or Equinox."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ensemble_rsa.arrays import check_array
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.sources import PROBED
from ensemble_rsa.interop.networks.network import (
    Layer,
    Runner,
    Sink,
    first_images,
    n_images,
    one_sentence,
)


class FunctionNetwork:
    """A function that takes a batch of images and returns activations by layer."""

    libraries: tuple[str, ...] = ()
    has_weights = False

    def __init__(self, function: Callable[[Any], Mapping[str, Any]], what: str = "network"):
        """Wrap a function."""
        self._function, self.what = function, what
        self.model: str = getattr(function, "__name__", type(function).__name__)

    def layers(self, images: Any) -> list[Layer]:
        """Return the layers that the function returns, all of which `auto` takes, in its order."""
        few = first_images(images, PROBED)
        return [
            Layer(name, tuple(array.shape[1:]), auto=True)
            for name, array in self._show(few).items()
        ]

    @contextmanager
    def running(self, layers: Sequence[str]) -> Iterator[Runner]:
        """Yield a function that shows a batch and passes each layer's activations to a sink."""

        def show(images: Any, sink: Sink) -> None:
            activations = self._show(images)
            for name in layers:
                if name not in activations:
                    raise InputError(
                        f"{self.what}: returned no layer {name!r}, but "
                        f"{', '.join(activations) or 'none'}"
                    )
                sink(name, activations[name])

        yield show

    def _show(self, images: Any) -> dict[str, Any]:
        with one_sentence(self.what, images):
            result = self._function(images)
        if not isinstance(result, Mapping) or not result:
            got = "an empty one" if isinstance(result, Mapping) else type(result).__name__
            raise InputError(
                f"{self.what}: expected a PyTorch or Keras module, or a function that returns a "
                f"mapping of layers to activations (stimulus, ...), got {got}"
            )
        arrays = {}
        for name, values in result.items():
            array = check_array(f"{self.what}[{name!r}]", values, 1, "(stimulus, ...)")
            if array.shape[0] != n_images(images):
                raise InputError(
                    f"{self.what}: layer {name!r} does not have the stimuli on its leading axis: "
                    f"got shape {tuple(array.shape)} for {n_images(images)} stimuli"
                )
            arrays[str(name)] = array
        return arrays

    def weights(self) -> Mapping[str, np.ndarray]:
        """Return nothing, since a function's weights are not known."""
        return {}

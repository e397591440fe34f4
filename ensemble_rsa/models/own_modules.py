"""Networks from Flax NNX modules: those of the package, and any that a user names.

The contract of a module:

- it is made by `Net(image_shape, n_categories, rngs=rngs, **arguments)`, and `module(images)`
  returns logits, for one instance and one batch `(image, height, width, channel)`;
- its attribute `layers`, if it has one, names the submodules whose outputs are recorded, such as
  `("stem", "blocks.0")`, or values that it sows; otherwise they are what its direct submodules
  return, in order of computation;
- what changes in training is an `nnx.Variable`, not a plain attribute.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Key

from ensemble_rsa.errors import InputError, kind_and_first_line
from ensemble_rsa.models.by_name import keyword_arguments
from ensemble_rsa.models.convolution import CONVOLUTIONS
from ensemble_rsa.models.module_network import ModuleNetwork, split, variables_of
from ensemble_rsa.models.network import Parameters
from ensemble_rsa.models.recording import is_layer
from ensemble_rsa.rng import stream

N_TRIED = 2  # images with which a module is tried out


@cache
def module_kind(
    name: str,
    make: Callable[..., nnx.Module],
    arguments: tuple[str, ...],
    image_shape: tuple[int, int, int],
    n_categories: int,
    convolution: str,
) -> "ModuleKind":
    """A kind of module; the same object for the same arguments, so that programs are shared."""
    options = keyword_arguments("model_arg", arguments)
    fixed = {} if ":" in name else getattr(make, "keywords", {})
    for key in fixed:
        if key in options:
            raise InputError(f"model_arg: {key} is part of the name {name}, got {options[key]!r}")
    return ModuleKind(name, make, options, image_shape, n_categories, convolution)


class ModuleKind:
    """A class of modules with its arguments, which builds one for given images.

    Attributes:
        name: for messages, and in the configuration.
    """

    def __init__(
        self,
        name: str,
        make: Callable[..., nnx.Module],
        arguments: dict[str, Any],
        image_shape: tuple[int, int, int],
        n_categories: int,
        convolution: str,
    ):
        self.name = name
        self._make = partial(make, image_shape, n_categories, **arguments)
        self._shape, self._n_categories = image_shape, n_categories
        self._convolution = convolution

    def variables(self, seed: Array) -> Parameters:
        """The initial variables of the instance with a weight seed."""
        return variables_of(self._build(stream(seed, "init")))

    def shapes(self) -> Parameters:
        """Shapes of an instance's variables."""
        return jax.eval_shape(self.variables, jax.ShapeDtypeStruct((), jnp.uint32))

    @cache  # noqa: B019 - kinds are few, and kept by `module_kind` anyway
    def network(self) -> ModuleNetwork:
        """The network, after a trial with shapes alone.

        Raises:
            InputError: the module cannot be built or called, does not return logits, keeps state in
                plain attributes, or names a layer that it does not have.
        """
        module = self._tried("be built", lambda: self._build(stream(0, "init")))
        given = getattr(module, "layers", None)
        network = ModuleNetwork(self.name, module, ())
        variables = variables_of(module)
        images = jax.ShapeDtypeStruct((N_TRIED, *self._shape), jnp.float32)
        names: list[tuple[str, ...]] = []

        def test(variables: Parameters, images: Array) -> Any:
            recording = network.recording(variables)
            logits = recording.call(images)
            names.append(recording.automatic_layers(N_TRIED))
            values = recording.values
            return logits, {key: values[key] for key in values if is_layer(values[key], N_TRIED)}

        def train(variables: Parameters, images: Array) -> Any:
            recording = network.recording(variables, training=True)
            before = split(recording.module)[0]
            logits = recording.call(images)
            if split(recording.module)[0] != before:
                raise InputError(
                    f"model: {self.name} changes an attribute while it is called; make it an "
                    "nnx.Variable, or it would be lost"
                )
            return logits

        logits, found = self._tried("be called", lambda: jax.eval_shape(test, variables, images))
        self._tried("be trained", lambda: jax.eval_shape(train, variables, images))
        expected = (N_TRIED, self._n_categories)
        if getattr(logits, "shape", None) != expected:
            got = getattr(logits, "shape", None) or type(logits).__name__
            raise InputError(
                f"model: expected {self.name} to return logits (image, category) = {expected} for "
                f"{N_TRIED} images, got {got}"
            )
        network.layers = self._layers(given, names[-1], tuple(found))
        return network

    def _layers(
        self, given: Any, automatic: tuple[str, ...], found: tuple[str, ...]
    ) -> tuple[str, ...]:
        if given is None or given == "auto":
            if not automatic:
                raise InputError(
                    f"model: {self.name} has no submodules to record; name its layers in an "
                    "attribute `layers`, or sow them"
                )
            return automatic
        layers = (given,) if isinstance(given, str) else tuple(given)
        for name in layers:
            if name not in found:
                raise InputError(
                    f"model: {self.name} names the layer {name!r}, which returns no activations "
                    f"(image, …); expected one of {', '.join(found) or 'none'}"
                )
        return layers

    def _build(self, key: Key[Array, ""]) -> nnx.Module:
        rngs = nnx.Rngs(params=key, default=jax.random.fold_in(key, 1))
        module = self._make(rngs=rngs)
        if not isinstance(module, nnx.Module):
            raise InputError(
                f"model: expected {self.name} to make an nnx.Module, got {type(module).__name__}"
            )
        if self._convolution != "xla":
            for _, each in nnx.iter_modules(module):
                is_default = getattr(each, "conv_general_dilated", None) is lax.conv_general_dilated
                if isinstance(each, nnx.Conv) and is_default:
                    each.conv_general_dilated = CONVOLUTIONS[self._convolution]
        return module

    def _tried(self, what: str, action: Callable[[], Any]) -> Any:
        try:
            return nnx.eval_shape(action) if what == "be built" else action()
        except InputError:
            raise
        except Exception as error:
            reason = kind_and_first_line(error)
            raise InputError(
                f"model: {self.name} cannot {what} for images of shape {self._shape} and "
                f"{self._n_categories} categories ({reason})"
            ) from error

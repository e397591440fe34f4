"""The networks of an ensemble: live ones, files, or checkpoints and what builds them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ensemble_rsa.errors import InputError, kind_and_first_line
from ensemble_rsa.interop.activation_files.paths import locations
from ensemble_rsa.interop.networks.builders import Build, builder, lasting_build
from ensemble_rsa.interop.networks.checkpoints import check_checkpoint, load_weights
from ensemble_rsa.interop.networks.function_network import FunctionNetwork
from ensemble_rsa.interop.networks.keras_network import (
    KerasNetwork,
    load_keras,
    load_keras_weights,
)
from ensemble_rsa.interop.networks.network import Network
from ensemble_rsa.interop.networks.torch_network import TorchNetwork, random_state_kept


@dataclass(frozen=True, eq=False)
class Networks:
    """Networks that are opened one at a time.

    Attributes:
        names: of the instances.
        module: position → module, model or function, with its weights.
        device: for PyTorch.
        build: name of the function that builds them, which holds in any working directory.
        files: what they are read from.
        given: the checkpoints as plain values; None for live networks.
        libraries: packages that build them.
        notes: how they are read.
    """

    names: tuple[Any, ...]
    module: Callable[[int], Any]
    device: str | None
    build: str | None = None
    files: tuple[Path, ...] = ()
    given: Mapping[str, str] | None = None
    libraries: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """Names that are numbers, else positions."""
        numbers = tuple(name for name in self.names if isinstance(name, int))
        return numbers if len(numbers) == len(self.names) else tuple(range(len(self.names)))

    def wrap(self, module: Any, position: int) -> Network:
        """Return a module, keras model or function behind the interface of all networks."""
        return as_network(module, f"networks[{self.names[position]!r}]", self.device)


def open_networks(
    networks: Any, build: str | Callable[..., Any] | None, device: str | None
) -> Networks:
    """Return the networks that `from_networks` describes.

    Raises:
        InputError: no networks, unknown names or files, checkpoints that do not match.
    """
    if build is not None:
        return _from_checkpoints(_files_by_instance(networks, "checkpoints"), build, device)
    paths = [networks] if isinstance(networks, str | Path) else networks
    if isinstance(paths, Mapping):
        paths = list(paths.values())
    is_list = isinstance(paths, Sequence) and not _is_network(paths)
    if is_list and paths and all(isinstance(path, str | Path) for path in paths):
        return _from_keras_files(_files_by_instance(networks, "networks"), device)
    return _live(networks, device)


def _live(networks: Any, device: str | None) -> Networks:
    if isinstance(networks, Mapping):
        names, modules = tuple(networks), list(networks.values())
    elif _is_network(networks):
        names, modules = (0,), [networks]
    elif isinstance(networks, Sequence) and not isinstance(networks, str):
        names, modules = tuple(range(len(networks))), list(networks)
    else:
        raise InputError(
            "networks: expected a list of networks or functions, or with build= checkpoints, got "
            f"{type(networks).__name__}"
        )
    if not modules:
        raise InputError("networks: expected at least one network, got none")
    return Networks(names, lambda position: modules[position], device)


def _from_keras_files(paths: dict[Any, Path], device: str | None) -> Networks:
    files = list(paths.values())
    if wrong := [path for path in files if path.suffix != ".keras"]:
        raise InputError(
            f"networks: {wrong[0]} holds weights only, or is no network; give build=, the function "
            "that builds the network (a .keras file needs none)"
        )
    given = {str(name): str(path.resolve()) for name, path in paths.items()}
    return Networks(
        tuple(paths), lambda i: load_keras(files[i]), device, None, tuple(files), given, ("keras",)
    )


def _from_checkpoints(
    paths: dict[Any, Path], build: str | Callable[..., Any], device: str | None
) -> Networks:
    function, sources, libraries = builder(build)
    files = list(paths.values())
    takes_path = _takes_a_path(function)

    def module(position: int) -> Any:
        made = _built(function, build, files[position] if takes_path else None)
        if not takes_path:
            _load(made, files[position])
        return made

    notes: list[str] = []
    if not takes_path:
        first = _built(function, build, None)
        for path in files:  # all of them before any image is shown
            if _is_torch(first):
                notes += check_checkpoint(first, path)
    given = {str(name): str(path.resolve()) for name, path in paths.items()}
    lasting = lasting_build(build, next(iter(sources), None)) if isinstance(build, str) else None
    return Networks(
        tuple(paths), module, device, lasting, (*files, *sources), given, tuple(libraries),
        tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _built(function: Build, build: Any, path: Path | None) -> Any:
    arguments = [] if path is None else [path]
    try:
        with random_state_kept():
            made = function(*arguments)
    except InputError:
        raise
    except Exception as error:
        reason = kind_and_first_line(error)
        raise InputError(f"build: {_name_of(build)} failed ({reason})") from error
    if not _is_network(made):
        raise InputError(
            f"build: expected {_name_of(build)} to return a network, got {type(made).__name__}"
        )
    return made


def _name_of(build: Any) -> str:
    return build if isinstance(build, str) else getattr(build, "__name__", repr(build))


def _takes_a_path(function: Callable[..., Any]) -> bool:
    """Whether a function wants the checkpoint, to load the weights by itself."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    required = [
        one
        for one in parameters
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    if len(required) > 1:
        raise InputError(
            "build: expected a function without arguments, or with one for the path of the "
            f"checkpoint, got {', '.join(one.name for one in required)}"
        )
    return len(required) == 1


def _load(made: Any, path: Path) -> None:
    if _is_keras(made):
        load_keras_weights(made, path)
    elif _is_torch(made):
        load_weights(made, path)
    else:
        raise InputError(
            f"build: got {type(made).__name__}, whose weights only its own framework can load; let "
            "build take the path of the checkpoint as its argument"
        )


def as_network(module: Any, what: str, device: str | None) -> Network:
    """Return a network of whatever framework behind one interface."""
    if _is_keras(module):
        return KerasNetwork(module, what)
    if _is_torch(module):
        return TorchNetwork(module, device, what)
    if callable(module):
        return FunctionNetwork(cast(Any, module), what)
    raise InputError(
        f"{what}: expected a PyTorch or Keras module, or a function images → "
        f"{{layer: activations}}, got {type(module).__name__}"
    )


def _is_network(value: Any) -> bool:
    return _is_keras(value) or _is_torch(value) or callable(value)


def _is_torch(value: Any) -> bool:
    return _descends(value, "torch.nn.modules.module", "Module") or hasattr(value, "_orig_mod")


def _is_keras(value: Any) -> bool:
    return _descends(value, "keras.src.models.model", "Model")


def _descends(value: Any, module: str, name: str) -> bool:
    return any(kind.__name__ == name and kind.__module__ == module for kind in type(value).__mro__)


def _files_by_instance(given: Any, argument: str) -> dict[Any, Path]:
    """Return the file of each instance: of a pattern with `{instance}`, a list or a mapping."""
    if isinstance(given, Mapping):
        by_name = {str(name): Path(path) for name, path in given.items()}
    else:
        try:
            found = locations(given if isinstance(given, str | Path) else _listed(given))
        except InputError as error:
            raise InputError(str(error).replace("pattern:", f"{argument}:", 1)) from None
        by_name = {one.instance: one.path for one in found}
    if not by_name:
        raise InputError(f"{argument}: expected files, got none")
    numbers = all(name.isdecimal() for name in by_name) and len({*map(int, by_name)}) == len(
        by_name
    )
    return {int(name) if numbers else name: path for name, path in by_name.items()}


def _listed(given: Any) -> Any:
    """A list of files as the mapping that numbers them; a single pattern stays one."""
    if not isinstance(given, Sequence):
        raise InputError(f"pattern: expected a path, or several, got {type(given).__name__}")
    return given[0] if len(given) == 1 else {"": list(given)}

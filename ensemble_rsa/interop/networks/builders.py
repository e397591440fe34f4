"""Functions that build a network, by name: those of the user, of timm, torchvision, transformers.

    my_nets:build                     the function `build` of the module or file my_nets.py
    path/my_nets.py:build             the same by path
    timm:resnet18                     an architecture of timm; arguments follow after commas,
    torchvision:resnet18,num_classes=10    as for this one of torchvision
    hf:FOLDER                         the architecture of a model of transformers, by local files

Nothing is downloaded: weights come from checkpoints.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ensemble_rsa.errors import InputError, first_line, kind_and_first_line
from ensemble_rsa.interop.networks.checkpoints import load_transformers
from ensemble_rsa.interop.optional import optional_import

Build = Callable[..., Any]  # without arguments, or with the path of a checkpoint


def builder(build: str | Build) -> tuple[Build, list[Path], list[str]]:
    """Return a function that builds a network, the files it is in, and the libraries it needs.

    Raises:
        InputError: an unknown name, or a library that is not installed.
    """
    if callable(build):
        return build, [], []
    scheme, separator, rest = build.partition(":")
    if not separator or not rest:
        raise InputError(
            "build: expected module:function, file.py:function, timm:NAME, torchvision:NAME or "
            f"hf:NAME, got {build!r}"
        )
    if scheme in _LIBRARIES:
        config = Path(rest) / "config.json"  # of a folder of Hugging Face
        files = [config] if scheme == "hf" and config.is_file() else []
        return _LIBRARIES[scheme](rest), files, [_PACKAGES[scheme]]
    function, file = function_by_name("build", build)
    return function, [file] if file else [], []


def function_by_name(argument: str, name: str) -> tuple[Callable[..., Any], Path | None]:
    """Return the function `module:function` or `file.py:function`, and its file.

    Modules are also looked for in the working directory, as Python itself would do.
    """
    where, _, attribute = name.rpartition(":")
    if not where or not attribute.isidentifier():
        raise InputError(f"{argument}: expected module:function, got {name!r}")
    folder = Path(where).parent if where.endswith(".py") else Path()
    sys.path.insert(0, str(folder.resolve()))
    try:
        module = (
            _module_of_file(argument, Path(where))
            if where.endswith(".py")
            else (importlib.import_module(where))
        )
    except InputError:
        raise
    except Exception as error:
        reason = kind_and_first_line(error)
        raise InputError(f"{argument}: {where} cannot be imported ({reason})") from error
    finally:
        sys.path.remove(str(folder.resolve()))
    function = getattr(module, attribute, None)
    if not callable(function):
        names = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise InputError(
            f"{argument}: {where} has no function {attribute!r}, but {', '.join(names) or 'none'}"
        )
    file = getattr(module, "__file__", None)
    return function, Path(file).resolve() if file else None


def _module_of_file(argument: str, file: Path) -> Any:
    if not file.is_file():
        raise InputError(f"{argument}: {file}: no such file")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise InputError(f"{argument}: {file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lasting_name(build: str, file: Path | None) -> str:
    """Return a name that finds the same function from any working directory.

    >>> lasting_name("my_nets:build", Path("/home/ada/my_nets.py"))
    '/home/ada/my_nets.py:build'
    """
    where, _, attribute = build.rpartition(":")
    if where == "hf" and Path(attribute).is_dir():
        return f"hf:{Path(attribute).resolve()}"
    is_plain = file is not None and (where.endswith(".py") or where == file.stem)
    return f"{file}:{attribute}" if is_plain else build


def _arguments(text: str) -> tuple[str, dict[str, Any]]:
    """A name and its keyword arguments, such as `resnet18,num_classes=10`."""
    name, *pairs = text.split(",")
    arguments = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"build: expected arguments such as num_classes=10, got {pair!r}")
        try:
            arguments[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            arguments[key] = value
    return name, arguments


def _timm(text: str) -> Build:
    timm = optional_import("timm", "torch", "a network of timm")
    name, arguments = _arguments(text)
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name}*")[:5])
        raise InputError(
            f"build: timm has no model {name!r}{f'; did you mean {near}?' if near else ''}"
        )
    return lambda: timm.create_model(name, pretrained=False, **arguments)


def _torchvision(text: str) -> Build:
    torchvision = optional_import("torchvision", "torch", "a network of torchvision")
    name, arguments = _arguments(text)
    if name not in torchvision.models.list_models():
        near = ", ".join(torchvision.models.list_models(include=f"*{name}*")[:5])
        raise InputError(
            f"build: torchvision has no model {name!r}{f'; did you mean {near}?' if near else ''}"
        )
    return lambda: torchvision.models.get_model(name, weights=None, **arguments)


def _transformers(name: str) -> Build:
    transformers = optional_import("transformers", "huggingface", "a network of Hugging Face")
    try:
        config = transformers.AutoConfig.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise InputError(
            f"build: expected a model of transformers with its files on this machine, got {name!r} "
            f"({reason})"
        ) from None
    architecture = next(iter(getattr(config, "architectures", None) or []), "")
    kind = getattr(transformers, architecture, None)
    if kind is None:
        kind = type(transformers.AutoModel.from_config(config))
    return lambda checkpoint: load_transformers(kind, config, checkpoint)


_LIBRARIES = {"timm": _timm, "torchvision": _torchvision, "hf": _transformers}
_PACKAGES = {"timm": "timm", "torchvision": "torchvision", "hf": "transformers"}

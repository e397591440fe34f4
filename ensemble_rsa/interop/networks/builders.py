"""Functions that build a network, by name: those of the user, of timm, torchvision, transformers.

    my_nets:build                     the function `build` of the module or file my_nets.py
    path/my_nets.py:build             the same by path
    timm:resnet18                     an architecture of timm; arguments follow after commas,
    torchvision:resnet18,num_classes=10    as for this one of torchvision
    hf:FOLDER                         the architecture of a model of transformers, by local files

Nothing is downloaded: weights come from checkpoints.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ensemble_rsa.errors import InputError, first_line
from ensemble_rsa.interop.networks.checkpoints import load_transformers
from ensemble_rsa.interop.optional import optional_import
from ensemble_rsa.models.by_name import function_by_name, keyword_arguments, lasting_name

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


def lasting_build(build: str, file: Path | None) -> str:
    """Return a name that builds the same network from any working directory."""
    scheme, _, name = build.partition(":")
    if scheme == "hf" and Path(name).is_dir():
        return f"hf:{Path(name).resolve()}"
    return lasting_name(build, file)


def _arguments(text: str) -> tuple[str, dict[str, Any]]:
    """A name and its keyword arguments, such as `resnet18,num_classes=10`."""
    name, *pairs = text.split(",")
    return name, keyword_arguments("build", pairs)


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

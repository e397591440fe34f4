"""The flags of `import` for networks of other frameworks, and what they stand for."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ensemble_rsa.cli.options import Option
from ensemble_rsa.errors import InputError

OPTIONS = (
    Option(
        "build",
        "what builds a network: my_nets:build, my_nets.py:build, timm:NAME, torchvision:NAME "
        "(arguments after commas: torchvision:resnet18,num_classes=10) or hf:FOLDER",
        str | None,
        None,
    ),
    Option(
        "checkpoints",
        "the weights, such as 'ckpt/seed{instance}.pt' (in quotation marks), or several files",
        tuple[str, ...],
        (),
    ),
    Option(
        "images",
        "the folder of images to show, or of one sub-folder for each category",
        Path | None,
        None,
    ),
    Option(
        "preprocess",
        "a function from an image to an array, as my_nets:preprocess; by default what timm, "
        "torchvision or transformers say for the network",
        str | None,
        None,
    ),
    Option("batch_size", "images shown at a time; 64 when not given", int | None, None),
    Option("device", "of PyTorch networks, such as cuda; chosen by default", str | None, None),
)


def are_networks(options: argparse.Namespace) -> bool:
    """Whether the flags describe networks, not files of activations.

    Raises:
        InputError: flags for networks without what makes them networks.
    """
    files = bool(options.patterns) and all(one.endswith(".keras") for one in options.patterns)
    if options.build is None and not files:
        for flag in ("checkpoints", "images", "preprocess", "batch_size", "device"):
            if getattr(options, flag) not in (None, ()):
                raise InputError(f"{flag}: expected with --build, or with .keras files as patterns")
        return False
    _check_networks(options)
    return True


def _check_networks(options: argparse.Namespace) -> None:
    """Raise for flags that networks need and that are not given, or that they have no use for."""
    if options.build is not None and not options.checkpoints:
        raise InputError("checkpoints: expected the files with the weights, got none")
    if options.images is None:
        raise InputError("images: expected a folder of images to show, got none")
    if options.stimuli is not None:
        raise InputError(
            "stimuli: expected with files of activations only; images have their file names as ids"
        )
    if options.flatten:
        raise InputError(
            "flatten: expected with files of activations only; maps of networks are always "
            "flattened, so leave it out"
        )
    if options.build is None and options.device is not None:
        raise InputError(
            f"device: expected with networks of PyTorch only, got {options.device!r} for .keras "
            "files; leave it out, as Keras chooses its own"
        )
    if options.build is not None and options.patterns:
        raise InputError(
            f"patterns: expected none beside --build, got {options.patterns[0]!r}; checkpoints "
            "come after --checkpoints"
        )


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    networks = options.checkpoints if options.build is not None else options.patterns
    return {
        "networks": networks[0] if len(networks) == 1 else list(networks),
        "images": options.images,
        "build": options.build,
        "preprocess": options.preprocess,
        "device": options.device,
    }


def networks_source(
    options: argparse.Namespace, progress: Callable[[int, int], None] | None
) -> Any:
    """Return the source of activations that the flags describe."""
    from ensemble_rsa.interop.networks.source import BATCH_SIZE, from_networks

    return from_networks(
        **_arguments(options),
        layers="auto" if options.layers in (None, "auto") else options.layers.split(","),
        labels=options.labels,
        batch_size=BATCH_SIZE if options.batch_size is None else options.batch_size,
        scratch=None if options.out is None else _existing(options.out.resolve().parent),
        progress=progress,
    )


def print_layers(options: argparse.Namespace) -> None:
    """Print every layer of the first network with its shape, and which ones `auto` takes."""
    from ensemble_rsa.interop.networks.source import list_layers

    for layer in list_layers(**_arguments(options)):
        if layer.problem:
            print(f"  {layer.name} {layer.problem}")
        else:
            print(
                f"{'*' if layer.auto else ' '} {layer}" + (f": {layer.note}" if layer.note else "")
            )
    print("* taken by --layers auto")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())

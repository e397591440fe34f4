"""How a network wants its images prepared, where its library says so."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ensemble_rsa.errors import InputError, kind_and_first_line
from ensemble_rsa.interop.optional import optional_import

Preprocess = Callable[[Any], Any]  # a Pillow image in RGB → an array


def default_preprocess(module: Any, build: Any = None) -> tuple[Preprocess, str] | None:
    """Return the transform that timm, torchvision or transformers say for a network, in words too.

    None where none of them says one.
    """
    scheme, _, name = build.partition(":") if isinstance(build, str) else ("", "", "")
    if scheme == "hf":
        return _of_transformers(name)
    if scheme == "torchvision":
        torchvision = optional_import("torchvision", "torch", "a network of torchvision")
        weights = torchvision.models.get_model_weights(name.partition(",")[0])
        return _described(next(iter(weights)).transforms(), "torchvision")
    if any(getattr(module, name, None) for name in ("pretrained_cfg", "default_cfg")):
        data = optional_import("timm.data", "torch", "a network of timm")
        settings = data.resolve_model_data_config(module)
        return _described(data.create_transform(**settings, is_training=False), "timm")
    if type(module).__module__.startswith("torchvision.models."):
        return _of_torchvision_module(module)
    return None


def _of_torchvision_module(module: Any) -> tuple[Preprocess, str] | None:
    """Return the transform of most first weights of this family, if all agree on size and colours.

    Some members are resized a little more before the same central crop.
    """
    optional_import("torchvision", "torch", "a network of torchvision")
    family = vars(sys.modules[type(module).__module__])
    transforms = [
        next(iter(weights)).transforms()
        for name, weights in family.items()
        if name.endswith("_Weights") and weights.__module__ == type(module).__module__
    ]
    kinds = {str((one.crop_size, one.mean, one.std)) for one in transforms}
    if len(kinds) != 1:
        return None
    common, _ = Counter(str(one) for one in transforms).most_common(1)[0]
    return _described(next(one for one in transforms if str(one) == common), "torchvision")


def _of_transformers(name: str) -> tuple[Preprocess, str] | None:
    transformers = optional_import("transformers", "huggingface", "a network of Hugging Face")
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError):
        return None

    def preprocess(image: Any) -> Any:
        return processor(image, return_tensors="np")["pixel_values"][0]

    return preprocess, f"images are prepared by {type(processor).__name__} (transformers)"


def _described(transform: Preprocess, library: str) -> tuple[Preprocess, str]:
    words = " ".join(str(transform).split())
    return transform, f"images are prepared as {library} says for this network: {words}"


def prepared_image(file: Path, preprocess: Preprocess, decode: Callable[[Path], Any]) -> Any:
    """Return an image file as the array that a network takes.

    Raises:
        InputError: no image, or a transform that fails or returns no array.
    """
    try:
        image = decode(file)
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"images: {file} cannot be read as an image ({reason})") from error
    try:
        prepared = preprocess(image)
    except Exception as error:
        reason = kind_and_first_line(error)
        raise InputError(f"preprocess: failed on {file} ({reason})") from error
    if isinstance(prepared, Image.Image) or not hasattr(prepared, "shape"):
        raise InputError(
            f"preprocess: expected an array or a tensor for {file}, got {type(prepared).__name__}"
        )
    return np.asarray(prepared, np.float32)

"""The same training steps in PyTorch: one network, or a stack of networks under `vmap`.

The recipe is that of `training.step`: SGD with momentum, L2 in the loss, clipping by norm, images
on the device. A strided convolution pads both sides alike, as is usual in PyTorch; the networks are
those of this package with images and kernels mirrored. Idle threads of PyTorch spin by default,
which slows a machine with other work; here they sleep.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ensemble_rsa.bench.pytorch_resnet import make_resnet
from ensemble_rsa.config.settings import Config, ModelConfig, TrainingConfig
from ensemble_rsa.jax_settings import n_cores
from ensemble_rsa.models.all_cnn import ARCHITECTURES
from ensemble_rsa.models.convnet import Conv, scaled_channels
from ensemble_rsa.training.throughput import N_CATEGORIES, random_images

ONE_BY_ONE = "PyTorch, one by one"
UNDER_VMAP = "PyTorch, torch.func.vmap"
Shape = tuple[int, int, int]
Step = Callable[[Any, Any], None]  # images, labels


def training_call(
    config: Config, image_shape: Shape, n_steps: int, stacked: bool
) -> Callable[[], None]:
    """A call that trains one network, or all instances together as a stack, for some steps."""
    torch, device = _torch()
    n_networks = config.training.instances if stacked else 1
    networks = [
        make_network(torch, config.model, image_shape).to(device) for _ in range(n_networks)
    ]
    if stacked:
        _, step = make_stacked_step(torch, networks, config.training)
    else:
        network = networks[0].to(memory_format=torch.channels_last)
        step = make_step(torch, network, config.training)
    pairs = batches(torch, config.training, image_shape, n_steps, device)
    precision = config.training.precision

    def call() -> None:
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = precision == "tensorfloat32"
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            for images, labels in pairs:
                step(images, labels)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return call


def make_network(torch: Any, config: ModelConfig, image_shape: Shape) -> Any:
    """Convolutions with ReLU, up to the maps of the categories; or a residual network."""
    if config.model.startswith("resnet"):
        return make_resnet(torch, config, image_shape[-1])
    nn = torch.nn
    height, _, channels = image_shape
    hidden = ARCHITECTURES[config.model].layers
    layers: list[Any] = []
    for i, spec in enumerate((*hidden, Conv(N_CATEGORIES, window=1))):
        out = scaled_channels(spec.channels, config.width) if i < len(hidden) else N_CATEGORIES
        valid = spec.padding == "VALID" and height >= spec.window
        pads = 0 if valid else spec.window // 2
        convolution = nn.Conv2d(channels, out, spec.window, stride=spec.stride, padding=pads)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)
        layers += [convolution, nn.ReLU()]
        channels = out
        height = (height + 2 * pads - spec.window) // spec.stride + 1
    return nn.Sequential(*layers)


def make_step(torch: Any, network: Any, training: TrainingConfig) -> Step:
    """One step of one network."""
    parameters = list(network.parameters())
    optimiser = torch.optim.SGD(parameters, lr=training.learning_rate, momentum=training.momentum)

    def step(images: Any, labels: Any) -> None:
        optimiser.zero_grad()
        _loss(torch, network(images), labels, parameters, training).backward()
        torch.nn.utils.clip_grad_norm_(parameters, training.clip_norm)
        optimiser.step()

    return step


def make_stacked_step(
    torch: Any, networks: Sequence[Any], training: TrainingConfig
) -> tuple[dict[str, Any], Step]:
    """Stacked parameters of some networks, and one step of all, which changes them in place."""
    stack, _ = torch.func.stack_module_state(networks)
    parameters = {name: leaf.detach() for name, leaf in stack.items()}
    velocity = {name: torch.zeros_like(leaf) for name, leaf in parameters.items()}

    def objective(own: Mapping[str, Any], images: Any, labels: Any) -> Any:
        maps = torch.func.functional_call(networks[0], own, (images,))
        return _loss(torch, maps, labels, own.values(), training)

    gradient_of = torch.func.vmap(torch.func.grad(objective), in_dims=(0, None, None))

    def step(images: Any, labels: Any) -> None:
        gradient = gradient_of(parameters, images, labels)
        squares = torch.stack([leaf.square().flatten(1).sum(1) for leaf in gradient.values()])
        shrink = (training.clip_norm / (squares.sum(0).sqrt() + 1e-6)).clamp(max=1.0)
        for name, leaf in gradient.items():
            scale = shrink.reshape(-1, *[1] * (leaf.ndim - 1))
            velocity[name].mul_(training.momentum).add_(leaf * scale)
            parameters[name].sub_(velocity[name], alpha=training.learning_rate)

    return parameters, step


def batches(
    torch: Any, training: TrainingConfig, image_shape: Shape, n_steps: int, device: Any
) -> list[tuple[Any, Any]]:
    """Standardised images and labels of each step, on the device."""
    pixels, labels = random_images(image_shape, training.batch_size * n_steps)
    scaled = ((pixels - pixels.mean()) / pixels.std()).astype(np.float32)
    images = torch.from_numpy(scaled).permute(0, 3, 1, 2).to(device)
    images = images.contiguous(memory_format=torch.channels_last)
    targets = torch.from_numpy(labels).to(device)
    size = training.batch_size
    return list(zip(images.split(size), targets.split(size), strict=True))


def _loss(torch: Any, maps: Any, labels: Any, parameters: Any, training: TrainingConfig) -> Any:
    squares = sum((leaf * leaf).sum() for leaf in parameters)
    logits = maps.float()
    logits = logits.mean((2, 3)) if logits.ndim == 4 else logits
    return torch.nn.functional.cross_entropy(logits, labels) + training.l2 * squares


def _torch() -> tuple[Any, Any]:
    """The library, and the device that JAX computes on."""
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # is read when the library is loaded
    torch = importlib.import_module("torch")
    torch.set_num_threads(n_cores())  # as XLA does
    torch.manual_seed(0)
    if jax.default_backend() == "cpu":
        return torch, torch.device("cpu")
    if not torch.cuda.is_available():
        raise RuntimeError("this PyTorch was built without the accelerator that JAX uses")
    return torch, torch.device("cuda")

"""The same training steps as people write them in PyTorch: one network, or a stack under `vmap`.

The recipe is that of `training.step`: SGD with momentum, L2 in the loss, clipping by norm, images
on the device. A strided convolution pads both sides alike, as is usual there; the networks are ours
with images and kernels mirrored. Its threads sleep when they have nothing to do: by default they
spin, which on a machine with other work makes PyTorch several times slower.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import jax
import numpy as np

from ensemble_rsa.bench.steps import N_CATEGORIES, Setup, random_images, recipe
from ensemble_rsa.config.settings import TrainingConfig
from ensemble_rsa.models.all_cnn import ARCHITECTURES, Conv, scaled_channels

PACKAGE = "torch"
ONE_BY_ONE = "PyTorch, one by one"
STACKED = "PyTorch, torch.func.vmap"


def one_by_one(setup: Setup) -> Callable[[], None]:
    """A call that trains a single network for some steps; a second would take as long again.

    Raises:
        ImportError: PyTorch is not installed.
    """
    torch = _torch()
    device = _device(torch)
    network = make_network(torch, setup).to(device, memory_format=torch.channels_last)
    return _all_steps(torch, setup, device, make_step(torch, network, recipe(setup)))


def stacked(setup: Setup) -> Callable[[], None]:
    """A call that trains all instances together, as a stack of parameters under `vmap`.

    Raises:
        ImportError: PyTorch is not installed.
    """
    torch = _torch()
    device = _device(torch)
    networks = [make_network(torch, setup).to(device) for _ in range(setup.instances)]
    _, step = make_stacked_step(torch, networks, recipe(setup))
    return _all_steps(torch, setup, device, step)


def make_network(torch: Any, setup: Setup) -> Any:
    """Convolutions with ReLU, up to the class maps."""
    nn = torch.nn
    height, _, channels = setup.image
    layers: list[Any] = []
    for spec in (*ARCHITECTURES[setup.model].layers, Conv(N_CATEGORIES, window=1)):
        is_last = len(layers) == 2 * len(ARCHITECTURES[setup.model].layers)
        out = N_CATEGORIES if is_last else scaled_channels(spec.channels, setup.width)
        valid = spec.padding == "VALID" and height >= spec.window
        pads = 0 if valid else spec.window // 2
        convolution = nn.Conv2d(channels, out, spec.window, stride=spec.stride, padding=pads)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)
        layers += [convolution, nn.ReLU()]
        channels = out
        height = (height + 2 * pads - spec.window) // spec.stride + 1
    return nn.Sequential(*layers)


def make_step(torch: Any, network: Any, training: TrainingConfig) -> Callable[[Any, Any], Any]:
    """One step of one network; returns the loss, which stays on the device."""
    parameters = list(network.parameters())
    optimiser = torch.optim.SGD(parameters, lr=training.learning_rate, momentum=training.momentum)

    def step(batch: Any, answers: Any) -> Any:
        optimiser.zero_grad()
        loss = _loss(torch, network(batch), answers, parameters, training)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, training.clip_norm)
        optimiser.step()
        return loss.detach()

    return step


def make_stacked_step(
    torch: Any, networks: Sequence[Any], training: TrainingConfig
) -> tuple[dict[str, Any], Callable[[Any, Any], None]]:
    """Stacked parameters of some networks, and one step of all, which changes them in place."""
    stack, _ = torch.func.stack_module_state(networks)
    parameters = {name: leaf.detach() for name, leaf in stack.items()}
    velocity = {name: torch.zeros_like(leaf) for name, leaf in parameters.items()}

    def objective(own: Mapping[str, Any], batch: Any, answers: Any) -> Any:
        maps = torch.func.functional_call(networks[0], own, (batch,))
        return _loss(torch, maps, answers, own.values(), training)

    gradient_of = torch.func.vmap(torch.func.grad(objective), in_dims=(0, None, None))

    def step(batch: Any, answers: Any) -> None:
        gradient = gradient_of(parameters, batch, answers)
        squares = torch.stack([leaf.square().flatten(1).sum(1) for leaf in gradient.values()])
        shrink = (training.clip_norm / (squares.sum(0).sqrt() + 1e-6)).clamp(max=1.0)
        for name, leaf in gradient.items():
            scale = shrink.reshape(-1, *[1] * (leaf.ndim - 1))
            velocity[name].mul_(training.momentum).add_(leaf * scale)
            parameters[name].sub_(velocity[name], alpha=training.learning_rate)

    return parameters, step


def batches(torch: Any, setup: Setup, device: Any) -> tuple[list[Any], list[Any]]:
    """Standardised images and labels, a tensor for each step, on the device."""
    pixels, labels = random_images(setup)
    scaled = ((pixels - pixels.mean()) / pixels.std()).astype(np.float32)
    images = torch.from_numpy(scaled).permute(0, 3, 1, 2).to(device)
    images = images.contiguous(memory_format=torch.channels_last)
    answers = torch.from_numpy(labels).to(device)
    return list(images.split(setup.batch)), list(answers.split(setup.batch))


def _all_steps(
    torch: Any, setup: Setup, device: Any, step: Callable[[Any, Any], Any]
) -> Callable[[], None]:
    images, labels = batches(torch, setup, device)

    def call() -> None:
        with _precision(torch, setup, device):
            for batch, answers in zip(images, labels, strict=True):
                step(batch, answers)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return call


def _loss(torch: Any, maps: Any, answers: Any, parameters: Any, training: TrainingConfig) -> Any:
    squares = sum((leaf * leaf).sum() for leaf in parameters)
    cross_entropy = torch.nn.functional.cross_entropy(maps.float().mean((2, 3)), answers)
    return cross_entropy + training.l2 * squares


def _torch() -> Any:
    if PACKAGE not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # is read when the library is loaded
    torch = importlib.import_module(PACKAGE)
    affinity = getattr(os, "sched_getaffinity", None)
    torch.set_num_threads(len(affinity(0)) if affinity else os.cpu_count() or 1)  # as XLA does
    torch.manual_seed(0)
    return torch


def _device(torch: Any) -> Any:
    """A GPU where JAX computes on one, too.

    Raises:
        RuntimeError: JAX has an accelerator that this PyTorch does not know.
    """
    if jax.default_backend() == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise RuntimeError("this PyTorch was built without the accelerator that JAX uses")
    return torch.device("cuda")


def _precision(torch: Any, setup: Setup, device: Any) -> AbstractContextManager[Any]:
    """TF32 on or off, or arithmetic in bfloat16 with weights in float32."""
    stack = ExitStack()
    if device.type == "cuda":
        tf32 = setup.precision == "tensorfloat32"
        stack.enter_context(
            torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=tf32)
        )
    if setup.precision == "bfloat16":
        stack.enter_context(torch.autocast(device.type, torch.bfloat16))
    return stack

"""The rival does the same job: PyTorch's steps give our networks, mirrored."""

import jax
import numpy as np
import pytest

from ensemble_rsa.bench import pytorch
from ensemble_rsa.bench.steps import Setup, random_images, recipe
from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.data.preprocessing import fit_preprocessing
from ensemble_rsa.models.all_cnn import ARCHITECTURES, Architecture, Conv
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble, member
from ensemble_rsa.training.step import DeviceImages, make_programs, stacked_settings

torch = pytest.importorskip("torch")


def as_torch(kernel: np.ndarray) -> np.ndarray:
    """Mirrored, with channels first."""
    return np.asarray(kernel)[::-1, ::-1].transpose(3, 2, 0, 1).copy()


def test_steps_are_ours(tiny_model, quick_execution, monkeypatch):
    tiny = Architecture((Conv(40, stride=2), Conv(60, stride=2)))
    monkeypatch.setattr(pytorch, "ARCHITECTURES", {**ARCHITECTURES, tiny_model: tiny})
    setup = Setup(2, 0.2, (8, 8, 3), 10, steps=3, model=tiny_model)
    training = recipe(setup)
    blueprint = Blueprint(
        ModelConfig(tiny_model, width=0.2), setup.image, 10, convolution=quick_execution.convolution
    )
    network, start = init_ensemble(blueprint, [0, 1])
    start = jax.device_get(start)
    pixels, labels = random_images(setup)
    programs = make_programs(network, training, setup.steps, quick_execution)
    state, _ = programs.train(
        programs.start(start),
        stacked_settings(training, [0, 1]),
        DeviceImages(
            jax.numpy.asarray(pixels[:, ::-1, ::-1]),
            jax.numpy.asarray(labels, np.int32),
            fit_preprocessing("standardize", pixels),
        ),
        jax.numpy.arange(30).reshape(3, 10),
        0,
        setup.steps,
        0,
    )
    device = torch.device("cpu")
    theirs = pytorch.make_network(torch, setup)
    layers = [layer for layer in theirs if isinstance(layer, torch.nn.Conv2d)]
    own = member(start, 0)["convolutions"]
    with torch.no_grad():
        for index, layer in enumerate(layers):
            layer.weight.copy_(torch.from_numpy(as_torch(own[index]["kernel"])))
            layer.bias.copy_(torch.from_numpy(np.array(own[index]["bias"])))
    step = pytorch.make_step(torch, theirs, training)
    for batch, answers in zip(*pytorch.batches(torch, setup, device), strict=True):
        step(batch, answers)
    trained = member(jax.device_get(state.parameters), 0)["convolutions"]
    for index, layer in enumerate(layers):
        moved = np.abs(as_torch(trained[index]["kernel"]) - as_torch(own[index]["kernel"])).max()
        np.testing.assert_allclose(
            layer.weight.detach().numpy(), as_torch(trained[index]["kernel"]), atol=1e-3 * moved
        )


def test_a_stack_takes_the_steps_of_each_network():
    setup = Setup(2, 0.05, (8, 8, 3), 10, steps=2, model="all_cnn_7")
    training = recipe(setup)
    networks = [pytorch.make_network(torch, setup) for _ in range(2)]
    stack, all_step = pytorch.make_stacked_step(torch, networks, training)
    one_step = pytorch.make_step(torch, networks[1], training)
    for batch, answers in zip(*pytorch.batches(torch, setup, torch.device("cpu")), strict=True):
        all_step(batch, answers)
        one_step(batch, answers)
    for name, leaf in networks[1].named_parameters():
        np.testing.assert_allclose(stack[name][1].numpy(), leaf.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_calls_run(precision):
    setup = Setup(2, 0.05, (8, 8, 3), 10, precision, model="all_cnn_7")
    for make in (pytorch.one_by_one, pytorch.stacked):
        assert make(setup)() is None

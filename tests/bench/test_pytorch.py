"""The rival does the same job: PyTorch's steps give our networks, mirrored."""

import jax
import numpy as np
import pytest

from ensemble_rsa.bench import pytorch
from ensemble_rsa.config.settings import Config, ModelConfig, TrainingConfig
from ensemble_rsa.data.preprocessing import fit_preprocessing
from ensemble_rsa.models.all_cnn import ARCHITECTURES, Architecture
from ensemble_rsa.models.convnet import Conv
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble, member
from ensemble_rsa.training.batch import DeviceImages, StepSeeds
from ensemble_rsa.training.step import make_programs, stacked_settings
from ensemble_rsa.training.throughput import random_images

torch = pytest.importorskip("torch")
IMAGE, STEPS = (8, 8, 3), 3
TRAINING = TrainingConfig(instances=2, batch_size=10)


def as_torch(kernel: np.ndarray) -> np.ndarray:
    """Mirrored, with channels first."""
    return np.asarray(kernel)[::-1, ::-1].transpose(3, 2, 0, 1).copy()


def test_steps_are_ours(tiny_model, quick_execution, monkeypatch):
    tiny = Architecture((Conv(40, stride=2), Conv(60, stride=2)))
    monkeypatch.setattr(pytorch, "ARCHITECTURES", {**ARCHITECTURES, tiny_model: tiny})
    model = ModelConfig(tiny_model, width=0.2)
    blueprint = Blueprint(model, IMAGE, 10, quick_execution.convolution)
    network, start = init_ensemble(blueprint, [0, 1])
    start = jax.device_get(start)
    pixels, labels = random_images(IMAGE, STEPS * TRAINING.batch_size)
    programs = make_programs(network, TRAINING, STEPS, quick_execution)
    state, _ = programs.train(
        programs.start(start),
        stacked_settings(TRAINING, [0, 1]),
        DeviceImages(
            jax.numpy.asarray(pixels[:, ::-1, ::-1]),
            jax.numpy.asarray(labels, np.int32),
            fit_preprocessing("standardize", pixels),
        ),
        jax.numpy.arange(30).reshape(3, 10),
        0,
        STEPS,
        0,
        StepSeeds.of(TRAINING),
    )
    device = torch.device("cpu")
    theirs = pytorch.make_network(torch, model, IMAGE)
    layers = [layer for layer in theirs if isinstance(layer, torch.nn.Conv2d)]
    own = member(start, 0)["convolutions"]
    with torch.no_grad():
        for index, layer in enumerate(layers):
            layer.weight.copy_(torch.from_numpy(as_torch(own[index]["kernel"])))
            layer.bias.copy_(torch.from_numpy(np.array(own[index]["bias"])))
    step = pytorch.make_step(torch, theirs, TRAINING)
    for images, targets in pytorch.batches(torch, TRAINING, IMAGE, STEPS, device):
        step(images, targets)
    trained = member(jax.device_get(state.parameters), 0)["convolutions"]
    for index, layer in enumerate(layers):
        moved = np.abs(as_torch(trained[index]["kernel"]) - as_torch(own[index]["kernel"])).max()
        np.testing.assert_allclose(
            layer.weight.detach().numpy(), as_torch(trained[index]["kernel"]), atol=1e-3 * moved
        )


def test_a_stack_takes_the_steps_of_each_network():
    model = ModelConfig("all_cnn_7", width=0.05)
    networks = [pytorch.make_network(torch, model, IMAGE) for _ in range(2)]
    stack, all_step = pytorch.make_stacked_step(torch, networks, TRAINING)
    one_step = pytorch.make_step(torch, networks[1], TRAINING)
    for pair in pytorch.batches(torch, TRAINING, IMAGE, 2, torch.device("cpu")):
        all_step(*pair)
        one_step(*pair)
    for name, leaf in networks[1].named_parameters():
        np.testing.assert_allclose(stack[name][1].numpy(), leaf.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_calls_run(precision):
    training = TrainingConfig(instances=2, batch_size=10, precision=precision)
    config = Config(model=ModelConfig("all_cnn_7", width=0.05), training=training)
    for stacked in (False, True):
        assert pytorch.training_call(config, IMAGE, 1, stacked)() is None


def test_the_residual_network_has_the_published_size():
    network = pytorch.make_network(torch, ModelConfig("resnet20"), (32, 32, 3))
    # He et al. 2016 print 0.27 million for 20 layers; this package's test counts the same
    assert sum(leaf.numel() for leaf in network.parameters()) == 269_722
    narrow = pytorch.make_network(torch, ModelConfig("resnet20", 0.25), (16, 16, 3))
    assert narrow(torch.zeros(2, 3, 16, 16)).shape == (2, 10)

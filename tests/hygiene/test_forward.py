"""Findings on forward passes: dropout and batch norm that are on are named, else silence."""

import numpy as np
import pytest

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.sources import PROBED
from ensemble_rsa.hygiene import forward


def check_forward(source):
    return [one for i in range(len(source.instances)) for one in forward.check_forward(source, i)]


def test_ten_networks_in_evaluation_mode_are_silent(networks, shown, activations, as_source):
    counted = []
    counting = [
        lambda images, each=each: counted.append(len(images)) or each(images) for each in networks
    ]
    source = shown(counting)
    counted.clear()
    assert check_forward(source) == []
    assert counted == 10 * 3 * [PROBED]  # one size, since functions are compiled for each
    assert check_forward(as_source(activations)) == []


def test_dropout_that_is_on(networks, shown):
    rng, usual = np.random.default_rng(0), networks[4]

    def with_dropout(images):
        layers = usual(images)
        kept = rng.random(layers["hidden"].shape) > 0.02
        return {"hidden": layers["hidden"], "output": kept[:, :6] * layers["output"] / 0.98}

    networks[4] = with_dropout
    (one,) = check_forward(shown(networks))
    assert (one.severity, one.instance, one.layer) == ("warn", 4, "output")
    assert "between two passes, so they depend on chance" in one.message


def test_batch_norm_in_training_mode(networks, shown):
    usual = networks[2]

    def normalised(images):
        layers = usual(images)
        hidden = layers["hidden"]
        return layers | {"hidden": (hidden - hidden.mean(0)) / (hidden.std(0) + 1e-5)}

    networks[2] = normalised
    (one,) = check_forward(shown(networks))
    assert (one.severity, one.instance, one.layer) == ("refuse", 2, "hidden")
    assert "between a batch with other images and one without" in one.message
    with pytest.raises(InputError, match="instance 2: hidden: activations of an image differ by"):
        ersa.import_run(shown(networks))


def test_activations_that_are_mixed_between_images(networks, shown):
    usual = networks[9]

    def mixed(images):
        layers = usual(images)
        hidden = layers["hidden"]
        return layers | {"hidden": hidden.T.reshape(hidden.shape)}

    networks[9] = mixed
    (one,) = check_forward(shown(networks))
    assert (one.severity, one.instance, one.layer) == ("refuse", 9, "hidden")


def test_a_single_image_is_shown_too(networks):
    source = ersa.from_networks(networks, np.ones((1, 12), np.float32))
    assert check_forward(source) == []


def test_pytorchs_modules_are_put_in_evaluation_mode_and_functional_dropout_is_named():
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self, functional):
            super().__init__()
            self.fc, self.norm = nn.Linear(12, 30), nn.BatchNorm1d(30)
            self.dropout, self.functional = nn.Dropout(0.5), functional

        def forward(self, x):
            x = self.dropout(self.norm(self.fc(x)))
            return nn.functional.dropout(x, 0.1) if self.functional else x

    torch.manual_seed(0)
    modules = [Net(False).train(), Net(True)]
    source = ersa.from_networks(
        [nn.Sequential(module) for module in modules], torch.randn(9, 12), ["0"]
    )
    (one,) = check_forward(source)
    assert (one.severity, one.instance) == ("warn", 1)

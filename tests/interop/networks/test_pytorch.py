"""PyTorch modules: values at the hook, what is listed and refused, and the state left behind."""

import itertools
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # idle threads sleep; read at the import

import numpy as np
import pytest
from scipy.spatial.distance import pdist

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.networks.source import list_layers

torch = pytest.importorskip("torch")
nn = torch.nn
ACCURACY = 1e-6  # of the largest distance
N = 9


class Small(nn.Module):
    """Reused and in-place activation, a tuple, a dictionary, dropout, and a module never called."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.dropout = nn.Dropout(0.5)
        self.pair = Pair()
        self.rows = nn.LSTM(6, 5, batch_first=True)
        self.time_first = nn.LSTM(6, 5)
        self.unused = nn.Linear(2, 2)
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        x = self.pool(self.relu(self.norm(self.conv1(x))))
        x = self.dropout(self.relu(self.conv2(x)))
        x = self.pair(x)["maps"]
        tokens = x.flatten(2).transpose(1, 2)
        self.time_first(tokens.transpose(0, 1))
        states, _ = self.rows(tokens)
        return self.fc(states[:, -1])


class Pair(nn.Module):
    def forward(self, x):
        return {"maps": x * 2, "places": x.flatten(1).argmax(1)}


def small(seed: int):
    torch.manual_seed(seed)
    return Small()


@pytest.fixture
def images():
    return torch.randn(N, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def values_of(network, images, module, call=0, select=lambda output: output):
    """What a module returned, copied by a hook of the test's own."""
    found = []
    handle = getattr(network, module).register_forward_hook(
        lambda _, arguments, output: found.append(select(output).detach().clone())
    )
    network.eval()
    with torch.no_grad():
        network(images)
    network.train()
    handle.remove()
    return found[call].double().flatten(1).numpy()


def close(rdms, layer, position, values):
    expected = pdist(values, "correlation")
    got = rdms.exemplar.sel(layer=layer).values[position]
    assert np.abs(got - expected).max() <= ACCURACY * expected.max(), layer


def test_values_are_those_that_each_call_returned(images):
    networks = [small(0), small(1)]
    layers = ["conv1", "norm", "relu", "relu:2", "pair", "rows", "rows[1.0]", "fc"]
    layers.remove("rows[1.0]")
    source = ersa.from_networks(networks, images, layers, batch_size=4)
    assert set(source.layers) == set(layers)
    rdms = ersa.extract(source)
    for position, network in enumerate(networks):
        values = lambda *arguments: values_of(network, images, *arguments)  # noqa: B023
        close(rdms, "conv1", position, values("conv1"))
        close(rdms, "norm", position, values("norm"))
        close(rdms, "relu", position, np.maximum(values("norm"), 0))
        close(rdms, "relu:2", position, np.maximum(values("conv2"), 0))
        close(rdms, "pair", position, values("pair", 0, lambda output: output["maps"]))
        close(rdms, "rows", position, values("rows", 0, lambda output: output[0]))
        close(rdms, "fc", position, values("fc"))
    notes = "\n".join(source.notes)
    assert "norm: an operation in place changes what it returns; the values are" in notes
    assert "pair: it returns 2 tensors, of which this is the first" in notes
    assert "rows: it returns 3 tensors" in notes
    assert "9 tokens or positions of 5 values" not in notes  # 3 × 3 maps minus a border: 4 places
    assert "4 tokens or positions of 5 values" in notes
    weights = source.weights(1)
    np.testing.assert_array_equal(weights["fc.weight"], networks[1].fc.weight.detach().numpy())


def test_auto_takes_the_ends_of_blocks_and_all_layers_are_listed(images):
    listed = {layer.name: layer for layer in list_layers([small(0)], images)}
    auto = [name for name, layer in listed.items() if layer.auto]
    assert auto == ["relu", "pool", "relu:2", "pair", "rows", "fc"]
    assert ersa.from_networks([small(0)], images).layers == tuple(auto)
    assert listed["pool"].shape == (4, 4, 4)
    for name, message in {
        "time_first": r"'time_first' of .* does not have the stimuli on its leading axis",
        "unused": "'unused' of .* is a module that is never called in evaluation",
        "absent": "computes no layer 'absent'; choose from conv1, norm",
    }.items():
        with pytest.raises(InputError, match=message):
            ersa.from_networks([small(0)], images, [name])


def test_auto_looks_into_the_backbone_beside_a_head(images):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.norm = nn.Linear(192, 192), nn.LayerNorm(192)

        def forward(self, x):
            return x + self.norm(self.linear(x))

    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            self.flat, self.blocks = nn.Flatten(), nn.ModuleList([Block(), Block()])

        def forward(self, x):
            x = self.flat(x)
            for block in self.blocks:
                x = block(x)
            return x

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.head = Backbone(), nn.Linear(192, 2)

        def forward(self, x):
            return self.head(self.backbone(x))

    source = ersa.from_networks([Classifier()], images)
    assert source.layers == ("backbone.blocks.0", "backbone.blocks.1", "head")


def test_a_module_that_reshapes_the_stimuli_away_is_refused(images):
    windows = nn.Sequential(nn.Flatten(0, 1), nn.ReLU())
    with pytest.raises(InputError, match="no output of .* can be read"):
        ersa.from_networks([windows], images)


def test_networks_are_left_as_they_were(images):
    network = small(0)
    network.pool.eval()
    modes = [module.training for module in network.modules()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    source = ersa.from_networks([network, small(1)], images, batch_size=2)
    torch.manual_seed(5)
    ersa.extract(source)
    assert torch.equal(torch.rand(3), expected)
    assert [module.training for module in network.modules()] == modes
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in network.parameters())
    with pytest.raises(InputError, match=r"networks\[0\]: failed on images of shape \(3, 8"):
        ersa.from_networks([network], images.permute(0, 2, 3, 1))
    assert [module.training for module in network.modules()] == modes
    assert not any(module._forward_hooks for module in network.modules())


def test_half_precision_becomes_float32(images):
    networks = [small(0).to(torch.bfloat16), small(1).to(torch.bfloat16)]
    source = ersa.from_networks(networks, images, ["conv1"])
    close(ersa.extract(source), "conv1", 0, values_of(networks[0], images.bfloat16(), "conv1"))
    (_, values), *_ = source.activations(0)
    assert values.dtype == np.float32


def test_data_loaders_and_wrapped_modules(images):
    labels = torch.arange(N) % 3
    dataset = torch.utils.data.TensorDataset(images, labels)
    loader = torch.utils.data.DataLoader(dataset, batch_size=4)
    source = ersa.from_networks([nn.DataParallel(small(0)), small(1)], loader, ["fc"])
    assert source.categories == tuple(labels.tolist())
    rdms = ersa.extract(source)
    close(rdms, "fc", 0, values_of(small(0), images, "fc"))
    shuffled = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=True)
    with pytest.raises(InputError, match="without shuffling"):
        ersa.from_networks([small(0)], shuffled)
    with pytest.raises(InputError, match="wrap the data set in a DataLoader"):
        ersa.from_networks([small(0)], dataset)


@pytest.mark.parametrize("make", ["plain", "torchvision", "timm"])
def test_rdms_of_known_architectures(make, tmp_path):
    """A plain CNN, a ResNet and a vision transformer: live, as arrays, from files, in float64."""
    library = None if make == "plain" else pytest.importorskip(make)
    images = torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def network(seed):
        torch.manual_seed(seed)
        if library is None:
            return nn.Sequential(
                nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(4),
                nn.Flatten(), nn.Linear(784, 5),
            )  # fmt: skip
        if make == "torchvision":
            return library.models.resnet18(num_classes=5)
        return library.create_model("vit_tiny_patch16_224", img_size=32, num_classes=5)

    networks = [network(0), network(1)]
    source = ersa.from_networks(networks, images, batch_size=5)
    assert {"plain": "1", "torchvision": "layer1.0", "timm": "blocks.0"}[make] in source.layers
    live = ersa.extract(source)
    stacked = [dict(source.activations(position)) for position in range(2)]
    arrays = {name: np.stack([np.asarray(one[name]) for one in stacked]) for name in source.layers}
    for position in range(2):
        own = {name: values[position] for name, values in arrays.items()}
        np.savez(tmp_path / f"{position}.npz", **own)
    files = ersa.from_files(tmp_path / "{instance}.npz", flatten=False)
    for rdms in (live, ersa.extract(arrays), ersa.extract(files)):
        for layer, position in itertools.product(source.layers, range(2)):
            close(rdms, layer, position, arrays[layer][position].astype(float))

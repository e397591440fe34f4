"""Findings on weights: each planted fault is named, and ten trained networks are silent."""

import numpy as np
import pytest

from ensemble_rsa.hygiene.tensors import sketch_weights
from ensemble_rsa.hygiene.weights import check_seeds, check_weights
from tests.hygiene.conftest import initial_weights, trained_weights


def found(weights):
    findings = check_weights(range(len(weights)), [sketch_weights(own) for own in weights])
    return [(one.severity, one.instance, one.message) for one in findings]


def test_ten_trained_networks_are_silent(as_source, weights):
    assert found(weights) == []
    assert check_seeds(as_source(weights=weights)) == []


def test_the_same_network_twice(weights):
    weights[7] = {name: values.copy() for name, values in weights[2].items()}
    refused = ("refuse", 7, "has the weights of instance 2; leave one of the two out")
    assert found(weights) == [refused]
    assert found([weights[0]] * 3) == [
        ("refuse", i, "has the weights of instance 0; leave one of the two out") for i in (1, 2)
    ]


@pytest.mark.parametrize("change", [0.0, 0.1])
def test_a_tensor_that_is_equal_or_correlates_above_the_limit(weights, change):
    noise = (
        change * np.random.default_rng(5).normal(size=(90, 30)) * weights[1]["conv2.weight"].std()
    )
    weights[4]["conv2.weight"] = (-1 if change else 1) * weights[1]["conv2.weight"] + noise
    r = np.corrcoef(weights[4]["conv2.weight"].ravel(), weights[1]["conv2.weight"].ravel())[0, 1]
    assert abs(r) > 0.99
    ((severity, instance, message),) = found(weights)
    assert (severity, instance) == ("warn", 4)
    assert message.startswith("1 of 3 tensors of weights are those of instance 1")
    assert "(conv2.weight)" in message


def test_a_correlation_below_the_limit_is_silent(weights):
    noise = np.random.default_rng(5).normal(size=(90, 30)) * weights[1]["conv2.weight"].std()
    weights[4]["conv2.weight"] = weights[1]["conv2.weight"] + 0.2 * noise
    r = np.corrcoef(weights[4]["conv2.weight"].ravel(), weights[1]["conv2.weight"].ravel())[0, 1]
    assert 0.97 < r < 0.985
    assert found(weights) == []


def test_a_tensor_that_all_share_is_a_note_and_a_shared_backbone_a_warning(weights):
    code = np.sin(np.arange(800.0)).reshape(10, 80)
    for own in weights:
        own["positions"] = code
    ((severity, instance, message),) = found(weights)
    assert (severity, instance) == ("note", None)
    assert "the same values in positions: fixed tensors" in message
    for own in weights:
        own["conv2.weight"] = weights[0]["conv2.weight"]
    ((severity, instance, message),) = found(weights)
    assert (severity, instance) == ("warn", None)
    assert "conv2.weight, positions: they were trained on from one network" in message


def test_seeds_that_occur_twice(as_source, weights):
    source = as_source(weights=weights, seeds=(0, 1, 2, 3, 4, 1, 6, 7, 8, 9))
    (one,) = check_seeds(source)
    assert (one.severity, one.instance) == ("warn", 5)
    assert one.message == "has the weight seed 1 of instance 1, so both begin alike"
    assert [one.severity for one in check_seeds(source, by_design=True)] == ["note"]


def test_another_number_of_categories_and_another_architecture(weights):
    weights[3]["fc.weight"] = np.tile(weights[3]["fc.weight"], (2, 1))
    weights[3]["fc.bias"] = np.tile(weights[3]["fc.bias"], 2)
    weights[8].pop("conv2.bias")
    # the last tensors of a network are those of its classes
    weights = [
        {name: own[name] for name in sorted(own, key=lambda name: name.startswith("fc"))}
        for own in weights
    ]
    findings = found(weights)
    assert findings == [
        (
            "warn",
            3,
            "has tensors of other shapes than instance 0: fc.weight is (160, 90) instead of "
            "(80, 90), and 1 more; was it trained on another number of categories?",
        ),
        (
            "warn",
            8,
            "is another architecture than instance 0: conv2.bias in one only",
        ),
    ]


def test_the_order_of_tensors_does_not_matter(weights):
    weights[6] = dict(reversed(weights[6].items()))
    assert found(weights) == []


def test_weights_that_are_not_finite(weights):
    weights[6]["conv1.weight"][3, 3] = np.nan
    weights[9]["fc.bias"][0] = np.inf
    assert found(weights) == [
        ("refuse", 6, "weights are NaN or infinite (conv1.weight); leave this network out"),
        ("refuse", 9, "weights are NaN or infinite (fc.bias); leave this network out"),
    ]


def test_untrained_networks_are_named_by_each_sign(weights):
    weights[0] = initial_weights(0)
    weights[5] = initial_weights(5) | {"norm.running_mean": weights[5]["norm.running_mean"]}
    weights[7] |= {
        name: values
        for name, values in initial_weights(7).items()
        if name in ("norm.running_mean", "norm.running_var")
    }
    drawn = "all its weights have the spread that an initialiser draws them with"
    statistics = "its batch-norm statistics are those of an untrained network"
    assert found(weights) == [
        ("warn", 0, f"seems untrained: {statistics} and {drawn}"),
        ("warn", 5, "the batch-norm statistics norm.running_var have never been updated"),
        ("warn", 5, f"seems untrained: {drawn}"),
        ("warn", 7, f"seems untrained: {statistics}"),
    ]


def test_one_extreme_value_is_no_sign_of_training(weights):
    weights[3] = {n: own for n, own in initial_weights(3).items() if "running" not in n}
    weights[3]["fc.weight"][2, 2] = 15.0  # a hundred deviations, as PyTorch may draw
    weights[3]["norm.weight"][4] = 1.5  # but not in a vector of equal values
    others = [{n: own for n, own in one.items() if "running" not in n} for one in weights]
    assert found(others) == []
    weights[3]["norm.weight"][4] = 1.0
    ((_, instance, message),) = found(others)
    assert instance == 3
    assert message.startswith("seems untrained: all its weights")


def test_one_trained_part_is_enough_to_count_as_trained():
    for part in ("conv2.weight", "fc.bias", "norm.weight"):
        own = initial_weights(0) | {part: trained_weights(0)[part]}
        own = {name: values for name, values in own.items() if "running" not in name}
        assert found([own]) == [], part


def test_weights_of_transformers_before_training():
    from ensemble_rsa.hygiene.initial import all_look_drawn
    from ensemble_rsa.hygiene.tensors import sketch_weights

    rng = np.random.default_rng(0)
    # Flax draws (inputs, heads, outputs) with the variance 1 / inputs, and BEiT divides the spread
    # of its blocks, 0.02, by the root of twice their number
    own = {
        "attention.key.kernel": rng.normal(size=(96, 3, 32)) / np.sqrt(96),
        "blocks.2.weight": rng.normal(size=(96, 96)) * 0.02 / np.sqrt(6),
    }
    assert all_look_drawn(sketch_weights(own))
    for name in own:
        assert not all_look_drawn(sketch_weights(own | {name: 1.3 * own[name]})), name


def test_statistics_of_flax_at_their_start():
    from ensemble_rsa.hygiene.initial import statistics_at_start
    from ensemble_rsa.hygiene.tensors import sketch_weights

    own = {"state.norm.mean": np.zeros(4), "state.norm.var": np.ones(4)}
    assert statistics_at_start(sketch_weights(own)) == (["state.norm.mean", "state.norm.var"], 2)
    own["state.norm.var"] = np.full(4, 0.9)
    assert statistics_at_start(sketch_weights(own)) == (["state.norm.mean"], 2)


def test_weights_of_our_own_networks_before_training():
    import jax

    from ensemble_rsa.config.settings import ModelConfig
    from ensemble_rsa.hygiene.initial import all_look_drawn
    from ensemble_rsa.hygiene.tensors import sketch_weights
    from ensemble_rsa.models.catalogue import Blueprint
    from ensemble_rsa.models.ensemble import init_ensemble, member, named_arrays

    _, parameters = init_ensemble(Blueprint(ModelConfig(width=0.2), (8, 8, 1), 10), [0, 1])
    own = named_arrays(jax.device_get(member(parameters, 1)))
    assert all_look_drawn(sketch_weights(own))
    a_bias = next(name for name in own if name.endswith("bias"))
    trained = own | {a_bias: own[a_bias] + np.random.default_rng(0).normal(size=own[a_bias].shape)}
    assert not all_look_drawn(sketch_weights(trained))


def test_pytorchs_networks_before_and_after_training():
    torch = pytest.importorskip("torch")
    from ensemble_rsa.hygiene.initial import all_look_drawn
    from ensemble_rsa.hygiene.tensors import sketch_weights

    nn = torch.nn
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(512, 10),
    )  # fmt: skip

    def sketches():
        return sketch_weights({name: each.numpy() for name, each in network.state_dict().items()})

    assert all_look_drawn(sketches())
    images, labels = torch.randn(64, 1, 8, 8), torch.arange(64) % 10
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    for _ in range(20):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    assert not all_look_drawn(sketches())

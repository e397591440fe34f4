"""Which way of computing is taken: as asked for, as measured, as remembered."""

import dataclasses
import json

import pytest

from ensemble_rsa.cli.main import DEMO
from ensemble_rsa.config import settings
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.training import choice

QUICK = {"xla_backend_optimization_level": "0"}
WAYS = tuple(Execution(name, 1, QUICK, devices=1) for name in ("plain_gradients", "patches"))


@pytest.fixture
def config(tiny_model):
    return settings.Config(
        settings.DataConfig(preprocessing="standardize"),
        settings.ModelConfig(tiny_model, width=0.2),
        settings.TrainingConfig(instances=2, epochs=1, batch_size=25),
    )


@pytest.mark.parametrize("fewest", [200, 0])
def test_a_short_training_is_not_measured(fewest, config, small_digits, tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "FEWEST_STEPS", fewest)
    monkeypatch.setattr(choice, "candidates", lambda: WAYS)
    file = tmp_path / "execution.json"
    assert choice.choose_execution(config, small_digits, file) == WAYS[0]
    assert not file.exists()


@pytest.mark.parametrize(("width", "is_tried"), [(0.25, False), (1.0, True)])
def test_a_training_of_little_arithmetic_is_not_tried(width, is_tried, monkeypatch):
    """The demo: 16 epochs of ten networks; at full width it has 16 times as many products."""
    tried = []
    config = dataclasses.replace(DEMO, model=dataclasses.replace(DEMO.model, width=width))
    monkeypatch.setattr(choice, "program_bytes", lambda setup, n: tried.append(n) or 10**30)
    choice.choose_execution(config, load_dataset(config.data))
    assert bool(tried) == is_tried


@pytest.mark.parametrize("fastest", WAYS)
def test_the_fastest_way_is_taken_and_remembered(
    fastest, config, small_digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(choice, "candidates", lambda: WAYS)
    monkeypatch.setattr(choice, "WORTH", 0)
    monkeypatch.setattr(choice, "FEWEST_STEPS", 0)
    monkeypatch.setattr(choice, "make_setup", lambda config, data, way, images: way)
    monkeypatch.setattr(choice, "program_bytes", lambda way, n_instances: 1)
    monkeypatch.setattr(choice, "TrainingTrial", lambda way, n_instances: way)
    monkeypatch.setattr(choice, "_seconds_per_step", lambda way, n: 2.0 - (way == fastest))
    file = tmp_path / "execution.json"
    assert choice.choose_execution(config, small_digits, file) == fastest
    (entry,) = json.loads(file.read_text()).values()
    assert sorted(entry["seconds per instance and step"].values()) == [0.5, 1.0]
    monkeypatch.setattr(choice, "_measure", None)  # which would fail if it were called
    assert choice.choose_execution(config, small_digits, file) == fastest


def test_what_is_set_by_hand_is_not_measured(config, small_digits, monkeypatch):
    monkeypatch.setattr(choice, "_measure", None)
    by_hand = dataclasses.replace(config, execution=settings.ExecutionConfig("patches", "all"))
    way = choice.choose_execution(by_hand, small_digits)
    assert (way.convolution, way.vmap_batch_size) == ("patches", None)


@pytest.mark.parametrize(("most", "sizes"), [(1e9, [2, 2]), (6, [2, 2, 1, 1]), (0, [2, 2, 1, 1])])
def test_ways_that_need_too_much_memory_never_run(
    most, sizes, config, small_digits, tmp_path, monkeypatch
):
    """The fastest needs 10 bytes for each instance, the other 5."""
    asked, ran = [], []

    def program_bytes(way, n):
        asked.append(n)
        return n * (10 if way == WAYS[0] else 5)

    monkeypatch.setattr(choice, "candidates", lambda: WAYS)
    monkeypatch.setattr(choice, "WORTH", 0)
    monkeypatch.setattr(choice, "FEWEST_STEPS", 0)
    monkeypatch.setattr(choice, "make_setup", lambda config, data, way, images: way)
    monkeypatch.setattr(choice, "program_bytes", program_bytes)
    monkeypatch.setattr(choice, "fits", lambda needed: needed <= most)
    monkeypatch.setattr(choice, "TrainingTrial", lambda way, n: ran.append((way, n)) or way)
    monkeypatch.setattr(choice, "_seconds_per_step", lambda way, n: 2.0 - (way == WAYS[0]))
    chosen = choice.choose_execution(config, small_digits, tmp_path / "execution.json")
    assert asked == sizes
    assert chosen == (WAYS[1] if most == 6 else WAYS[0])
    expected = {1e9: [(WAYS[0], 2), (WAYS[1], 2)], 6: [(WAYS[1], 1)], 0: []}
    assert ran == expected[most]


@pytest.mark.parametrize(
    ("instances", "asked", "devices"),
    [(1, None, {1}), (2, None, {1, 2}), (3, None, {1, 3}), (9, None, {1, 4}), (9, 2, {2})],
)
def test_cores_side_by_side_are_no_more_than_instances(
    instances, asked, devices, config, monkeypatch
):
    monkeypatch.setattr("jax.local_device_count", lambda: 4)
    training = dataclasses.replace(config.training, instances=instances)
    execution = settings.ExecutionConfig(devices=asked)
    config = dataclasses.replace(config, training=training, execution=execution)
    ways = choice._as_asked(config)
    assert {way.devices for way in ways} == devices
    assert ways[0].devices == min(devices)
    assert len({choice._words(way) for way in ways}) == len(ways)


def test_a_measurement_with_other_cores_is_not_taken_over(config, small_digits, monkeypatch):
    names = []
    for cores in (1, 4):
        monkeypatch.setattr("jax.local_device_count", lambda cores=cores: cores)
        names.append(choice._name(config, small_digits))
    assert names[0] != names[1]


@pytest.mark.parametrize(("backend", "what"), [("cpu", "cores"), ("gpu", "devices")])
def test_cores_are_those_of_a_cpu(backend, what, monkeypatch):
    monkeypatch.setattr("jax.default_backend", lambda: backend)
    words = choice._words(Execution("xla", 1, devices=2))
    assert words == f"xla, one instance after the other, whole batches, on 2 {what} side by side"
    assert "side by side" not in choice._words(Execution("xla", 1, devices=1))

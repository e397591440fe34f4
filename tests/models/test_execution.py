"""Ways of computing, and the devices that a CPU has."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from ensemble_rsa.errors import RunError
from ensemble_rsa.jax_settings import n_cores, use_cores
from ensemble_rsa.models import execution
from ensemble_rsa.models.execution import Execution, candidates, side_by_side_options
from ensemble_rsa.training import step


def test_cores_are_used_side_by_side_only_where_there_are_several(monkeypatch):
    assert {way.devices for way in candidates()} == {1}
    monkeypatch.setattr(jax, "local_device_count", lambda: 4)
    ways = candidates()
    assert ways[0].devices == 1
    assert {way.vmap_batch_size for way in ways if way.devices is None} == {1}
    monkeypatch.setattr(execution, "_heeded", lambda: False)
    with pytest.warns(UserWarning, match="does not heed .* training uses one of them"):
        assert {way.devices for way in candidates()} == {1}


def test_only_programs_for_several_cpu_devices_are_recorded_as_on_one_thread(monkeypatch):
    several, one = Execution("xla", 1), Execution("xla", 1, devices=1)
    assert several.as_record()["loops_on_one_thread"]
    assert not one.as_record()["loops_on_one_thread"]
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert not several.as_record()["loops_on_one_thread"]


def test_a_run_that_names_no_devices_was_trained_on_one_cpu():
    record = {"convolution": "winograd", "at_once": 1, "compiler_options": {}}
    assert Execution.from_record(record) == Execution("winograd", 1, devices=1)


def test_after_jax_has_started_its_devices_stay():
    before = jax.devices()
    use_cores()
    assert jax.devices() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value", "n_devices"),
    [
        ("UNRELATED", "", n_cores()),
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=3", 3),
        ("JAX_NUM_CPU_DEVICES", "5", 5),
    ],
)
def test_each_core_is_a_device_unless_the_environment_says_otherwise(variable, value, n_devices):
    code = "from ensemble_rsa.jax_settings import use_cores; use_cores(); import jax; "
    code += "print(jax.local_device_count())"
    environment = os.environ | {"JAX_PLATFORMS": "cpu", variable: value}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.stdout.split() == [str(n_devices).encode()], done.stderr


def is_on_several_threads(function):
    large = jax.ShapeDtypeStruct((1, 1 << 22), np.float32)
    return "outer_dimension_partitions" in function.lower(large).compile().as_text()


def test_programs_for_several_cpu_devices_leave_no_work_to_other_threads():
    mesh = Mesh(np.array(jax.devices()).reshape(1, 1), ("instance", "batch"))
    way, spread = Execution("plain_gradients", 1), (PartitionSpec("instance"),)
    assert not is_on_several_threads(step._compiled(way, "float32", mesh, jax.numpy.tanh, spread))
    alone = step._compiled(way, "float32", None, jax.numpy.tanh, spread)
    assert is_on_several_threads(alone) == (n_cores() > 1)


def test_several_cpu_devices_are_refused_where_xla_takes_other_threads(monkeypatch):
    monkeypatch.setattr(execution, "_heeded", lambda: False)
    with pytest.raises(RunError, match="does not heed .* train with devices=1"):
        side_by_side_options()
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert side_by_side_options() == {}


@pytest.mark.slow
def test_many_convolutions_on_all_cores_side_by_side_are_those_of_one_device():
    file = Path(__file__).with_name("side_by_side.py")
    done = subprocess.run([sys.executable, str(file), "with"], capture_output=True, text=True)
    assert done.stdout.split() == [str(max(2, n_cores())), "0"], done.stderr

"""Ways of computing, and the devices that a CPU has."""

import os
import subprocess
import sys

import jax
import pytest

from ensemble_rsa.jax_settings import n_cores, use_cores
from ensemble_rsa.models.execution import Execution, candidates


def test_cores_are_used_side_by_side_only_where_there_are_several(monkeypatch):
    assert {way.devices for way in candidates()} == {1}
    monkeypatch.setattr(jax, "local_device_count", lambda: 4)
    ways = candidates()
    assert ways[0].devices == 1
    assert {way.vmap_batch_size for way in ways if way.devices is None} == {1}


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

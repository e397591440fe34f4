"""Runs of the faulty way to use several CPU devices are told, and no others."""

import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.runs.old_devices import OldDevicesWarning, warn_of_old_devices

OLD = {"device": "cpu", "execution": {"devices": 2}}
NEW = {"device": "cpu", "execution": {"devices": 2, "loops_on_one_thread": True}}


@pytest.mark.parametrize(
    "manifest",
    [
        OLD,
        {"device": "cpu", "execution": {"devices": None}},  # all there are
        {**NEW, "extends": {"manifest": OLD}},
        {**NEW, "extends": {"manifest": {**NEW, "extends": {"manifest": OLD}}}},
    ],
)
def test_a_run_of_several_cpu_devices_is_told(manifest, tmp_path):
    with pytest.warns(OldDevicesWarning, match=f"{tmp_path} was trained on several CPU devices"):
        warn_of_old_devices(tmp_path, manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        NEW,
        {"device": "cpu", "execution": {"devices": 1}},
        {"device": "cpu", "execution": {}},  # an older version yet, with one device
        {"device": "NVIDIA H200", "execution": {"devices": None}},
        {**NEW, "extends": {"manifest": NEW}},
        {"seconds": {}},
    ],
)
def test_other_runs_are_not(manifest, tmp_path, recwarn):
    warn_of_old_devices(tmp_path, manifest)
    assert not recwarn.list


@pytest.mark.parametrize(
    "manifest", [{"device": "cpu", "execution": 2}, {"extends": {}}, {"extends": "run"}]
)
def test_a_damaged_manifest_is_named(manifest, tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}/manifest.json: not what `train` writes"):
        warn_of_old_devices(tmp_path, manifest)

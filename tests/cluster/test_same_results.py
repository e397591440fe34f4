"""RDMs and imports by workers are those of one process, bit for bit on the same kind of device."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.runs.run import load_run
from tests.cluster.conftest import RECIPE, assert_same_networks, finish, start

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen"),
]


def rdms(folder: Path) -> xr.Dataset:
    with xr.open_dataset(folder / "extracted.nc", engine="h5netcdf") as stored:
        return stored.load()


def test_an_import_by_workers_is_that_of_one_process(tmp_path):
    rng = np.random.default_rng(0)
    for seed in range(3):
        layers = {name: rng.normal(size=(12, 50)).astype("f4") for name in ("a", "b", "c")}
        layers["b"][:, :40] = 1.0 if seed == 2 else layers["b"][:, :40]  # dead units
        np.savez(tmp_path / f"seed{seed}.npz", **layers)
    words = ["import", str(tmp_path / "seed{instance}.npz"), "--quiet", "--out"]
    finish(start(*words, str(tmp_path / "one"), one_core=True))
    finish(start(*words, str(tmp_path / "many"), "--cluster", "local:2"))
    xr.testing.assert_identical(rdms(tmp_path / "many"), rdms(tmp_path / "one"))
    findings = [(tmp_path / name / "manifest.json").read_text() for name in ("one", "many")]
    assert all("80% of units are dead" in text for text in findings)


def test_an_analysis_by_workers_is_that_of_one_process(whole, tmp_path):
    words = ["analyze", str(whole), "--stimuli", "20", "--n-resamples", "20", "--quiet", "--out"]
    finish(start(*words, str(tmp_path / "one"), one_core=True))
    finish(start(*words, str(tmp_path / "many"), "--cluster", "local:2"))
    one, many = ((tmp_path / name / "rdms.h5").read_bytes() for name in ("one", "many"))
    assert one == many


def test_workers_replace_a_network_that_cannot_learn_like_one_process(tmp_path):
    """At this rate of learning, seed 3 is without gradient before its second epoch."""
    recipe = RECIPE.replace("--epochs 12", "--epochs 20").split()
    words = [*recipe, "--seed", "2", "--learning-rate", "0.6"]
    words += ["--unconverged", "replace", "--converged-at", "0", "--out"]
    finish(start(*words, str(tmp_path / "one"), one_core=True))
    finish(start(*words, str(tmp_path / "many"), "--cluster", "local:2"))
    one, many = (load_run(tmp_path / name) for name in ("one", "many"))
    assert one.seeds == many.seeds == (2, 5, 4)
    assert [each.seed for each in many.replaced] == [3]
    assert "all logits are zero" in many.replaced[0].reason
    assert one.replaced == many.replaced
    assert_same_networks(many.path, one.path)
    assert [path.name for path in (many.path / "checkpoints").glob("p*")] == []

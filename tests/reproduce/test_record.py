"""What is stored of an experiment hangs on all that made it; captions say who was compared."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.config.settings import Config, DataConfig
from ensemble_rsa.reproduce import record
from ensemble_rsa.reproduce.experiment import Finding
from ensemble_rsa.reproduce.experiments.depth import EXPERIMENT
from ensemble_rsa.reproduce.ledger import compare
from ensemble_rsa.reproduce.record import Record, made_from, made_with, read_record, write_record
from ensemble_rsa.reproduce.scales import make_scale
from ensemble_rsa.reproduce.workspace import Workspace, hash_of

SMOKE = make_scale("smoke")


def with_ensemble(name, **changes):
    return replace(SMOKE, ensembles={**SMOKE.ensembles, name: replace(Config(), **changes)})


def test_a_record_comes_back_as_it_was_written(tmp_path):
    work = Workspace(tmp_path, SMOKE)
    row = compare(Finding("fig4", "a value", 0.5, 0.4, 0.6, note="ours"), SMOKE)
    stored = Record((row,), {"fig4": {"title": "Title", "caption": "Caption."}})
    write_record(work, EXPERIMENT, stored)
    assert read_record(work, EXPERIMENT) == stored
    assert read_record(work, replace(EXPERIMENT, revision=EXPERIMENT.revision + 1)) == Record()


@pytest.mark.parametrize(
    ("scale", "matters"),
    [
        (with_ensemble("all_cnn_7", data=DataConfig("digits")), True),
        (replace(SMOKE, analysis=SMOKE.analysis.replace(stimuli=50)), True),
        (replace(SMOKE, analysis=SMOKE.analysis.replace(n_resamples=7)), True),
        (replace(SMOKE, samples=2), True),
        (with_ensemble("dropout"), False),  # none of this experiment's
        (replace(SMOKE, large_images=SMOKE.large_images.replace(stimuli=50)), False),
    ],
)
def test_a_result_hangs_on_its_networks_and_its_analysis(scale, matters):
    before, after = (hash_of(made_from(one, EXPERIMENT)) for one in (SMOKE, scale))
    assert (before != after) == matters


def test_an_edited_mapping_makes_another_result(tmp_path):
    mapping = tmp_path / "map.json"
    hashes = []
    for folders in ('["a"]', '["a", "b"]'):
        mapping.write_text(f'{{"cat": {folders}, "dog": ["c"]}}', encoding="utf-8")
        data = DataConfig("folder:/images", category_map=str(mapping))
        hashes.append(hash_of(made_from(with_ensemble("all_cnn_c", data=data), EXPERIMENT)))
    assert hashes[0] != hashes[1]


def run_of(flagged=0, replaced=()):
    seeds = tuple(SimpleNamespace(seed=seed) for seed in replaced)
    return SimpleNamespace(flagged=(None,) * flagged, replaced=seeds, seeds=(0, 1, 2))


@pytest.fixture
def say_what(monkeypatch, tmp_path):
    """The end of a caption, for networks of which some did not converge."""

    def end(experiment=EXPERIMENT, runs=None, **attrs):
        runs = runs or dict.fromkeys(experiment.ensembles, run_of())
        monkeypatch.setattr(record, "networks", lambda work, name: runs[name])
        measured = xr.Dataset(attrs={"seeds": np.array([0, 1, 2]), **attrs})
        return made_with(Workspace(tmp_path, SMOKE), experiment, measured)

    return end


def test_a_caption_ends_with_scale_seeds_and_sizes(say_what):
    assert say_what(n_stimuli=100) == (
        "Scale smoke: 3 instances (seeds compared: 0–2) of width 0.1, 5 epochs, 600 training "
        "images, standardize preprocessing, 100 stimuli."
    )


def test_networks_of_half_of_the_images_saw_half_of_them(say_what):
    halves = replace(EXPERIMENT, ensembles=("first_half", "second_half"))
    assert "300 training images" in say_what(halves)


def test_seeds_are_named_by_network_where_they_differ(say_what):
    words = say_what(all_cnn_c_seeds=[0, 1, 2], all_cnn_7_seeds=np.array([0, 2]))
    assert "(seeds compared: All-CNN-C 0–2; All-CNN-7 0, 2)" in words
    assert "(seeds compared: 0–2)" in say_what(all_cnn_c_seeds=[0, 1, 2], all_cnn_7_seeds=[0, 1, 2])


def test_instances_that_did_not_converge_are_named(say_what):
    runs = {"all_cnn_c": run_of(replaced=(4, 9)), "all_cnn_7": run_of(flagged=2)}
    assert say_what(runs=runs).endswith(
        "Below a training accuracy of 0.99 (our rule): of all_cnn_c, seeds 4, 9 were replaced; "
        "2 of 3 of all_cnn_7."
    )

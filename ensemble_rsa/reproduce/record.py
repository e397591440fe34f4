"""What a workspace knows of each experiment: its rows of the ledger, and its captions.

    results/NAME-HASH.json   beside the result that they were taken from

Ledger and report are made anew from these, so that nothing is in them that other settings, or
another version, once gave.
"""

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.config.serialize import config_hash, config_to_dict
from ensemble_rsa.config.settings import Config
from ensemble_rsa.figures.wording import MODEL_NAMES, as_ranges
from ensemble_rsa.reproduce.estimate import training_images
from ensemble_rsa.reproduce.experiment import Experiment
from ensemble_rsa.reproduce.ledger import Row, not_run, write_comparison
from ensemble_rsa.reproduce.scales import Scale
from ensemble_rsa.reproduce.workspace import Workspace, networks, own_maps, result_path

COMPARISON, CAPTIONS = "comparison.json", "captions.json"


@dataclass(frozen=True)
class Record:
    """What came of one experiment.

    Attributes:
        rows: of the ledger.
        captions: figure → `{"title": …, "caption": …}` of those that were drawn.
    """

    rows: tuple[Row, ...] = ()
    captions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def made_from(scale: Scale, experiment: Experiment) -> dict[str, Any]:
    """Everything that an experiment's result hangs on, as plain values."""
    configs = {name: scale.ensembles[name] for name in experiment.ensembles}
    analysis = scale.large_images if "alexnet" in experiment.ensembles else scale.analysis
    return {
        "version": importlib.metadata.version("ensemble_rsa"),
        "revision": experiment.revision,
        "networks": {name: config_hash(config) for name, config in configs.items()},
        "analysis": config_to_dict(analysis),
        **own_maps(*(config.data.category_map for config in configs.values())),
        **own_maps(analysis.stimulus.stimulus_map, key="stimulus_map"),
        "rates": list(scale.rates),
        "samples": scale.samples,
        "draws": scale.draws,
    }


def read_record(work: Workspace, experiment: Experiment) -> Record:
    """What is known of an experiment as it would be run now; empty if it was not run so."""
    if missing_ensemble(work.scale, experiment):
        return Record()
    path = _path(work, experiment)
    if not path.is_file():
        return Record()
    stored = files.read_json(path)
    return Record(tuple(Row(**row) for row in stored["rows"]), stored["captions"])


def write_record(work: Workspace, experiment: Experiment, record: Record) -> None:
    """Store what is known of an experiment."""
    rows = [dataclasses.asdict(row) for row in record.rows]
    captions = {name: dict(caption) for name, caption in record.captions.items()}
    files.write_json(_path(work, experiment), {"rows": rows, "captions": captions})


def missing_ensemble(scale: Scale, experiment: Experiment) -> str | None:
    """An ensemble that the experiment needs and the scale has no images for."""
    return next((name for name in experiment.ensembles if name not in scale.ensembles), None)


def write_ledger(
    work: Workspace, experiments: Sequence[Experiment]
) -> tuple[list[Row], dict[str, Mapping[str, str]]]:
    """Write `comparison.json` and `captions.json`, and return what they hold.

    Args:
        work: the workspace.
        experiments: all there are, in the paper's order.
    """
    records = [(experiment, read_record(work, experiment)) for experiment in experiments]
    rows: list[Row] = []
    for experiment, record in records:
        rows += record.rows or not_run(tuple(experiment.pictures), work.scale)
    captions = {name: record.captions[name] for _, record in records for name in record.captions}
    write_comparison(work.root / COMPARISON, work.scale, rows)
    files.write_json(work.root / CAPTIONS, captions)
    return rows, captions


def made_with(work: Workspace, experiment: Experiment, measured: xr.Dataset) -> str:
    """Scale, seeds, sample sizes and what did not converge, for the end of a caption."""
    if not experiment.ensembles:
        return "Simulated points, no networks; the same at every scale."
    first = work.scale.ensembles[experiment.ensembles[0]]
    training = first.training
    words = [
        f"Scale {work.scale.name}: {training.instances} instances (seeds compared: "
        f"{_seeds(measured.attrs)}) of width {first.model.width:g}, {training.epochs} epochs"
    ]
    words.append(f"{training_images(first):,} training images")
    words.append(f"{first.data.preprocessing} preprocessing")
    if "n_stimuli" in measured.attrs:
        words.append(f"{measured.attrs['n_stimuli']:,} stimuli")
    return f"{', '.join(words)}. {_convergence(work, experiment, training.converged_at)}".rstrip()


def ensembles_in_plain_values(ensembles: Mapping[str, Config]) -> dict[str, Any]:
    """Each ensemble's hash and settings."""
    return {
        name: {"hash": config_hash(config), **config_to_dict(config)}
        for name, config in ensembles.items()
    }


def _path(work: Workspace, experiment: Experiment) -> Path:
    values = made_from(work.scale, experiment)
    return result_path(work, experiment.name, values).with_suffix(".json")


def _seeds(attrs: Mapping[str, Any]) -> str:
    """Of the instances compared; by network or by contrast where they differ."""
    several = {
        name.removesuffix("_seeds"): as_ranges(np.atleast_1d(seeds))
        for name, seeds in attrs.items()
        if name.endswith("_seeds")
    }
    if len(set(several.values())) > 1:
        return "; ".join(
            f"{MODEL_NAMES.get(name, name)} {words}" for name, words in several.items()
        )
    return as_ranges(np.atleast_1d(attrs["seeds"]))


def _convergence(work: Workspace, experiment: Experiment, least: float) -> str:
    """Which instances of which ensembles did not converge, and which were drawn anew."""
    sentences = []
    for name in experiment.ensembles:
        run = networks(work, name)
        if run.flagged:
            sentences.append(f"{len(run.flagged)} of {len(run.seeds)} of {name}")
        if run.replaced:
            gone = as_ranges([verdict.seed for verdict in run.replaced])
            sentences.append(f"of {name}, seeds {gone} were replaced")
    if not sentences:
        return ""
    return f"Below a training accuracy of {least:g} (our rule): {'; '.join(sentences)}."

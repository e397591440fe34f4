"""Stored ledger rows and captions of each experiment.

    results/NAME-HASH-ledgerREVISION.json

Ledger and report are always made from the records of the present settings and version.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ensemble_rsa import files
from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.errors import InputError
from ensemble_rsa.reproduce.cache import REMOVE, cached_path, map_contents
from ensemble_rsa.reproduce.experiment import Experiment
from ensemble_rsa.reproduce.ledger import LedgerRow, not_run, with_holm, write_comparison
from ensemble_rsa.reproduce.scales import Scale
from ensemble_rsa.reproduce.workspace import Workspace

REVISION = 4  # to be raised when ledger rows get other fields or rules
COMPARISON, CAPTIONS = "comparison.json", "captions.json"


@dataclass(frozen=True)
class Record:
    """Ledger rows and captions of one experiment.

    Attributes:
        rows: of the ledger.
        captions: figure → `{"title": …, "caption": …}` of those that were drawn.
    """

    rows: tuple[LedgerRow, ...] = ()
    captions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def result_path(work: Workspace, experiment: Experiment) -> Path:
    """Where the result is stored; the hash is of everything that the result depends on."""
    scale = work.scale
    configs = {name: scale.ensembles[name] for name in experiment.ensembles}
    shown = [scale.analysis_of(config) for config in configs.values()] or [scale.analysis]
    maps = [config.data.category_map for config in configs.values()]
    made_from = {
        "revision": experiment.revision,
        "networks": {name: config_hash(config) for name, config in configs.items()},
        "analysis": shown[0],
        "maps": map_contents(*maps, shown[0].stimulus.stimulus_map),
        "rates": scale.rates,
        "samples": scale.samples,
        "draws": scale.draws,
    }
    return cached_path(work.root / "results", made_from, experiment.name)


def read_record(work: Workspace, experiment: Experiment) -> Record:
    """The record of an experiment under the present settings; empty if it was not run."""
    missing = missing_ensemble(work.scale, experiment)
    if missing or not (path := _record_path(work, experiment)).is_file():
        return Record()
    stored = files.read_json(path, REMOVE)
    try:
        return Record(tuple(LedgerRow(**row) for row in stored["rows"]), dict(stored["captions"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not what `reproduce` writes ({error}); {REMOVE}") from None


def write_record(work: Workspace, experiment: Experiment, record: Record) -> None:
    """Store the record of an experiment."""
    files.write_json(_record_path(work, experiment), dataclasses.asdict(record))


def _record_path(work: Workspace, experiment: Experiment) -> Path:
    result = result_path(work, experiment)
    return result.with_name(f"{result.stem}-ledger{REVISION}.json")


def missing_ensemble(scale: Scale, experiment: Experiment) -> str | None:
    """An ensemble that the experiment needs and the scale has no images for."""
    return next((name for name in experiment.ensembles if name not in scale.ensembles), None)


def write_ledger(
    work: Workspace, experiments: Sequence[Experiment]
) -> tuple[list[LedgerRow], dict[str, Mapping[str, str]]]:
    """Write `comparison.json` and `captions.json`, and return their rows and captions."""
    rows: list[LedgerRow] = []
    captions: dict[str, Mapping[str, str]] = {}
    for experiment in experiments:
        record = read_record(work, experiment)
        was_run = record.rows or record.captions
        rows += record.rows if was_run else not_run(tuple(experiment.pictures), work.scale)
        captions |= record.captions
    rows = with_holm(rows)
    write_comparison(work.root / COMPARISON, work.scale, rows)
    files.write_json(work.root / CAPTIONS, captions)
    return rows, captions

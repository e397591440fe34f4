"""Configurations as plain values: for JSON files, for comparing two, and for hashes."""

import dataclasses
import hashlib
import json
from typing import Any

from ensemble_rsa.config.analysis import AnalysisConfig, RdmConfig, StimulusConfig
from ensemble_rsa.config.checks import is_added_default
from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ExecutionConfig,
    ModelConfig,
    TrainingConfig,
)
from ensemble_rsa.errors import InputError

SECTIONS = {
    "data": DataConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
    "execution": ExecutionConfig,
}
# Settings of earlier versions, stored in their runs, that no result depends on.
RETIRED = {"execution": ("processes", "process_id")}
HASHED_SECTIONS = ("data", "model", "training")  # execution changes a result by rounding at most


def config_differences(given: Config, stored: Config) -> list[str]:
    """Each setting of data, network and recipe that differs, in words; `data_dir` does not count.

    >>> config_differences(Config(model=ModelConfig(width=0.5)), Config())
    ['width is 0.5, was 1.0']
    >>> config_differences(Config(DataConfig(data_dir="elsewhere")), Config())
    []
    """
    ours, theirs = _compared_values(given), _compared_values(stored)
    return [
        f"{name} is {ours[section][name]}, was {theirs[section][name]}"
        for section in HASHED_SECTIONS
        for name in ours[section]
        if ours[section][name] != theirs[section][name]
    ]


def config_to_dict(
    config: Config | AnalysisConfig | StimulusConfig | RdmConfig,
) -> dict[str, Any]:
    """A configuration as plain values, ready for JSON; an analysis without its sections.

    >>> config_to_dict(AnalysisConfig.of(stimuli=20))["stimuli"]
    20
    """
    values = json.loads(
        json.dumps(dataclasses.asdict(config), default=lambda number: number.item())
    )
    if isinstance(config, AnalysisConfig):
        return {name: value for section in values.values() for name, value in section.items()}
    return values


def config_from_dict(values: dict[str, Any]) -> Config:
    """The configuration that `config_to_dict` wrote.

    Raises:
        InputError: a section or a field that this version does not know.
    """
    made = {}
    for name, section in values.items():
        if name not in SECTIONS:
            raise InputError(f"config: unknown section {name!r}; expected {', '.join(SECTIONS)}")
        fields = {f.name for f in dataclasses.fields(SECTIONS[name])}
        section = {k: v for k, v in section.items() if k not in RETIRED.get(name, ())}
        if unknown := set(section) - fields:
            raise InputError(
                f"config: unknown {name} setting {sorted(unknown)[0]!r}; "
                f"expected {', '.join(sorted(fields))}"
            )
        made[name] = SECTIONS[name](
            **{k: tuple(v) if isinstance(v, list) else v for k, v in section.items()}
        )
    return Config(**made)


def config_hash(config: Config) -> str:
    """Twelve hexadecimal digits of a digest of data, network and recipe.

    `data_dir` does not count, nor how training is computed, nor a field that was `added` later
    and has its default.

    >>> config_hash(Config()) == config_hash(Config(execution=ExecutionConfig(group=2)))
    True
    >>> config_hash(Config()) == config_hash(Config(DataConfig(data_dir="elsewhere")))
    True
    """
    values = _compared_values(config)
    for name, section in values.items():
        for field in dataclasses.fields(SECTIONS[name]):
            if is_added_default(field, section.get(field.name)):
                del section[field.name]
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _compared_values(config: Config) -> dict[str, dict[str, Any]]:
    values = config_to_dict(config)
    del values["data"]["data_dir"]  # the images themselves have a fingerprint
    return {name: values[name] for name in HASHED_SECTIONS}

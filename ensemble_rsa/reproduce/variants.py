"""What the paper leaves open, one switch at a time: accuracy and last-layer consistency of each."""

import dataclasses
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ensemble_rsa import files
from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_consistency
from ensemble_rsa.config.serialize import config_hash, config_to_dict
from ensemble_rsa.config.settings import AnalysisConfig, Config
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.reproduce.workspace import Workspace, networks, rdms, result_path

DISTANCES = ("correlation", "euclidean")  # the pair that paper.md §11 judges by
BASE = "control"


@dataclass(frozen=True)
class Variant:
    """One switch.

    Attributes:
        what: in words.
        training: changes what the ensemble is trained from.
        analysis: changes which stimuli it is shown.
    """

    what: str
    training: Callable[[Config], Config] = lambda config: config
    analysis: Callable[[AnalysisConfig], AnalysisConfig] = lambda settings: settings


@dataclass(frozen=True)
class Tried:
    """What came of a variant.

    Attributes:
        variant: its name.
        what: in words.
        accuracy: mean test accuracy over instances, with the lowest and the highest.
        correlation, euclidean: mean last-layer consistency, with its interval over instances.
        flagged: how many instances did not converge, and were kept.
        replaced: how many did not, and others stand in for them.
    """

    variant: str
    what: str
    accuracy: tuple[float, float, float]
    correlation: tuple[float, float, float]
    euclidean: tuple[float, float, float]
    flagged: int
    replaced: int


def _data(**changes: Any) -> Callable[[Config], Config]:
    return lambda config: replace(config, data=replace(config.data, **changes))


def _model(**changes: Any) -> Callable[[Config], Config]:
    return lambda config: replace(config, model=replace(config.model, **changes))


# In the order of paper.md §11.
VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "default": Variant("every switch as proposed"),
        "linear_last_layer": Variant("no ReLU on the class maps", _model(last_relu=False)),
        "global_gcn_zca": Variant(
            "global contrast normalisation and ZCA", _data(preprocessing="gcn_zca")
        ),
        "per_image_gcn_zca": Variant(
            "contrast normalisation of each image, and ZCA",
            _data(preprocessing="gcn_zca_per_image"),
        ),
        "mean_and_deviation": Variant(
            "global mean and deviation alone", _data(preprocessing="standardize")
        ),
        "8x8_maps": Variant("padding in conv7: 8 × 8 maps", _model(valid_padding=False)),
        "l2_on_kernels": Variant(
            "no L2 on biases",
            lambda config: replace(config, training=replace(config.training, l2_biases=False)),
        ),
        "other_stimuli": Variant(
            "stimuli drawn at random instead of the first of each category",
            analysis=lambda settings: settings.replace(draw_stimuli=True),
        ),
    }
)


def variant_ensembles(base: Config) -> dict[str, Config]:
    """What each variant is trained from; where it changes nothing, the base itself.

    Args:
        base: the recipe. Its early epochs are kept for the base alone.

    >>> variant_ensembles(Config())["other_stimuli"] == Config()
    True
    """
    changed = {name: variant.training(base) for name, variant in VARIANTS.items()}
    return {
        name: config
        if config == base
        else replace(config, training=replace(config.training, save_at=()))
        for name, config in changed.items()
    }


def try_variants(work: Workspace) -> list[Tried]:
    """Train, compare and store every variant; what is there is not trained again.

    Args:
        work: the workspace; the variants' networks lie beside its others.
    """
    ensembles = variant_ensembles(work.scale.ensembles[BASE])
    apart = replace(work, scale=replace(work.scale, ensembles=ensembles))
    tried = [_try(apart, name, variant) for name, variant in VARIANTS.items()]
    files.write_json(_path(work), {"rows": [dataclasses.asdict(row) for row in tried]})
    return tried


def read_variants(work: Workspace) -> list[Tried]:
    """What `try_variants` stored for the scale as it is; nothing where it was not called."""
    path = _path(work)
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = files.read_json(path)["rows"]
    for row in rows:
        row |= {name: tuple(row[name]) for name in ("accuracy", "correlation", "euclidean")}
    return [Tried(**row) for row in rows]


def _path(work: Workspace) -> Path:
    ensembles = variant_ensembles(work.scale.ensembles[BASE])
    made_from = {
        "version": importlib.metadata.version("ensemble_rsa"),
        "networks": {name: config_hash(config) for name, config in ensembles.items()},
        "analysis": config_to_dict(work.scale.analysis),
    }
    return result_path(work, "variants", made_from).with_suffix(".json")


def _try(work: Workspace, name: str, variant: Variant) -> Tried:
    run = networks(work, name)
    last = layer_names(run.config.model.model)[-1]
    settings = variant.analysis(work.scale.analysis)
    statistics = settings.statistics
    test = run.accuracy["test"]
    consistencies = {}
    for distance in DISTANCES:
        stack = rdms(work, name, settings, [last], distance=distance)
        boot = bootstrap_consistency(
            stack.exemplar.values[0], "instances", statistics.n_resamples, statistics.confidence
        )
        consistencies[distance] = tuple(map(float, (boot.mean, boot.low, boot.high)))
    return Tried(
        variant=name,
        what=variant.what,
        accuracy=(float(np.mean(test)), float(np.min(test)), float(np.max(test))),
        flagged=len(run.flagged),
        replaced=len(run.replaced),
        **consistencies,
    )

"""Choices that the paper leaves open, one at a time: accuracy and last-layer consistency of each.

They are judged by the pair of consistencies that the paper prints, by correlation and by Euclidean
distance (Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w, Figs 4 and 5).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ensemble_rsa import files
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import Config
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.pipeline.results import OVER_INSTANCES, interval_of_pairs
from ensemble_rsa.reproduce.cache import REMOVE, cached_path
from ensemble_rsa.reproduce.workspace import Workspace, networks, rdms

DISTANCES = ("correlation", "euclidean")


@dataclass(frozen=True)
class Variant:
    """One choice.

    Attributes:
        what: in words.
        section: of the configuration that it changes, `stimulus` for the stimuli; "" for none.
        changes: fields of that section.
    """

    what: str
    section: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, settings: Any) -> Any:
        """A `Config` or an `AnalysisConfig` with this choice, if it has the section."""
        if not self.section or not hasattr(settings, self.section):
            return settings
        changed = replace(getattr(settings, self.section), **self.changes)
        return replace(settings, **{self.section: changed})


@dataclass(frozen=True)
class VariantResult:
    """Results of a variant: test accuracy (mean, lowest, highest) and consistencies.

    Last-layer consistencies are means with intervals over instances; `flagged` and `replaced` are
    the numbers of instances that did not converge and were kept or replaced.
    """

    variant: str
    what: str
    accuracy: tuple[float, float, float]
    correlation: tuple[float, float, float]
    euclidean: tuple[float, float, float]
    flagged: int
    replaced: int


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "default": Variant("the defaults"),
        "linear_last_layer": Variant("no ReLU on the class maps", "model", {"last_relu": False}),
        "global_gcn_zca": Variant(
            "global contrast normalisation and ZCA", "data", {"preprocessing": "gcn_zca"}
        ),
        "per_image_gcn_zca": Variant(
            "contrast normalisation of each image, and ZCA",
            "data", {"preprocessing": "gcn_zca_per_image"},
        ),
        "mean_and_deviation": Variant(
            "global mean and standard deviation only", "data", {"preprocessing": "standardize"}
        ),
        "8x8_maps": Variant("padding in conv7: 8 × 8 maps", "model", {"valid_padding": False}),
        "l2_on_kernels": Variant("no L2 on biases", "training", {"l2_biases": False}),
        "other_stimuli": Variant(
            "stimuli drawn at random instead of the first of each category",
            "stimulus", {"draw_stimuli": True},
        ),
    }
)  # fmt: skip


def variant_ensembles(base: Config) -> dict[str, Config]:
    """The configuration of each variant; early epochs are kept for the base only.

    >>> variant_ensembles(Config())["other_stimuli"] == Config()
    True
    """
    found = {}
    for name, variant in VARIANTS.items():
        config = variant.apply(base)
        final_only = replace(config, training=replace(config.training, save_at=()))
        found[name] = base if config == base else final_only
    return found


def try_variants(work: Workspace) -> list[VariantResult]:
    """Train, compare and store every variant; trained ensembles are not trained again."""
    ensembles = variant_ensembles(work.scale.ensembles[work.scale.varied])
    apart = replace(work, scale=replace(work.scale, ensembles=ensembles))
    found = [_try(apart, name, variant) for name, variant in VARIANTS.items()]
    files.write_json(_path(work), {"rows": [dataclasses.asdict(row) for row in found]})
    return found


def read_variants(work: Workspace) -> list[VariantResult]:
    """What `try_variants` stored for the present settings; empty if it was not called."""
    path = _path(work)
    if not path.is_file():
        return []
    stored = files.read_json(path, REMOVE)
    try:
        rows: list[dict[str, Any]] = stored["rows"]
        for row in rows:
            row |= {name: tuple(row[name]) for name in ("accuracy", *DISTANCES)}
        return [VariantResult(**row) for row in rows]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not what `reproduce` writes ({error}); {REMOVE}") from None


def _path(work: Workspace) -> Path:
    ensembles = variant_ensembles(work.scale.ensembles[work.scale.varied])
    made_from = {
        "networks": {name: config_hash(config) for name, config in ensembles.items()},
        "analysis": work.scale.analysis,
        **OVER_INSTANCES,
    }
    return cached_path(work.root / "results", made_from, "variants", ".json")


def _try(work: Workspace, name: str, variant: Variant) -> VariantResult:
    run = networks(work, name)
    last = layer_names(run.config.model.model)[-1]
    settings: AnalysisConfig = variant.apply(work.scale.analysis)
    statistics, test = settings.statistics, run.accuracy["test"]
    consistencies = {}
    for distance in DISTANCES:
        stack = rdms(work, name, [last], settings, distance=distance)
        found = interval_of_pairs(consistency(stack.exemplar.values[0]), "instances", statistics)
        consistencies[distance] = tuple(map(float, found))
    accuracy = float(np.mean(test)), float(np.min(test)), float(np.max(test))
    n_flagged, n_replaced = len(run.flagged), len(run.replaced)
    return VariantResult(
        name, variant.what, accuracy, flagged=n_flagged, replaced=n_replaced, **consistencies
    )

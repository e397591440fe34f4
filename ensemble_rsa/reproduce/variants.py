"""Choices that the paper leaves open, one at a time: accuracy and last-layer consistency of each.

They are judged by the pair of consistencies that the paper prints, by correlation and by Euclidean
distance (Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w, Figs 4 and 5).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.analysis.bootstrap.jackknife import FEWEST, jackknife_pairs
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import Config
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.pipeline.results import OVER_INSTANCES, interval_of_pairs
from ensemble_rsa.reproduce.cache import REMOVE, cached_path
from ensemble_rsa.reproduce.measures import same_instances
from ensemble_rsa.reproduce.workspace import Workspace, networks, rdms

DISTANCES = ("correlation", "euclidean")
REVISION = 2  # to be raised when results get other fields or rules


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


Triple: TypeAlias = tuple[float, float, float]
_TRIPLES = (
    *(f"{split}_accuracy" for split in ("train", "test")),
    *DISTANCES,
    *(f"{distance}_change" for distance in DISTANCES),
)


@dataclass(frozen=True)
class VariantResult:
    """Results of a variant: accuracies (mean, lowest, highest) and last-layer consistencies.

    Consistencies are means with intervals over instances, `…_change` those minus the default's, of
    the instances whose seeds both have; it is None for the default, and for fewer than three
    instances. `flagged` and `replaced` are the numbers of instances that did not converge and were
    kept or replaced.
    """

    variant: str
    what: str
    train_accuracy: Triple
    test_accuracy: Triple
    correlation: Triple
    euclidean: Triple
    correlation_change: Triple | None
    euclidean_change: Triple | None
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
    default = _last_layer_rdms(apart, "default")
    found = [_try(apart, name, default) for name in VARIANTS]
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
            row |= {name: row[name] and tuple(row[name]) for name in _TRIPLES}
        return [VariantResult(**row) for row in rows]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not what `reproduce` writes ({error}); {REMOVE}") from None


def _path(work: Workspace) -> Path:
    ensembles = variant_ensembles(work.scale.ensembles[work.scale.varied])
    made_from = {
        "revision": REVISION,
        "networks": {name: config_hash(config) for name, config in ensembles.items()},
        "analysis": work.scale.analysis,
        **OVER_INSTANCES,
    }
    return cached_path(work.root / "results", made_from, "variants", ".json")


def _try(work: Workspace, name: str, default: Mapping[str, xr.Dataset]) -> VariantResult:
    """The result of a variant beside the RDMs of the default, by distance."""
    run, stacks = networks(work, name), _last_layer_rdms(work, name)
    statistics = work.scale.analysis.statistics
    measured: dict[str, Any] = {}
    for split in ("train", "test"):
        values = run.accuracy[split]
        measured[f"{split}_accuracy"] = _triple((values.mean(), values.min(), values.max()))
    for distance, stack in stacks.items():
        pairs = consistency(stack.exemplar.values[0])
        measured[distance] = _triple(interval_of_pairs(pairs, "instances", statistics))
        confidence = statistics.confidence
        change = None if name == "default" else _change(stack, default[distance], confidence)
        measured[f"{distance}_change"] = change
    n_flagged, n_replaced = len(run.flagged), len(run.replaced)
    what = VARIANTS[name].what
    return VariantResult(name, what, flagged=n_flagged, replaced=n_replaced, **measured)


def _last_layer_rdms(work: Workspace, name: str) -> dict[str, xr.Dataset]:
    """RDMs of the last layer of a variant by each distance."""
    settings: AnalysisConfig = VARIANTS[name].apply(work.scale.analysis)
    last = layer_names(networks(work, name).config.model.model)[-1]
    return {each: rdms(work, name, [last], settings, distance=each) for each in DISTANCES}


def _change(stack: xr.Dataset, default: xr.Dataset, confidence: float) -> Triple | None:
    """Mean difference of consistencies with its jackknife interval over the shared instances."""
    if len({*stack.seed.values.tolist()} & {*default.seed.values.tolist()}) < FEWEST:
        return None
    own, others = (
        consistency(each.exemplar.values[0]) for each in same_instances([stack, default])
    )
    found = jackknife_pairs(own - others, confidence, "raw")
    return _triple((found.mean, found.low, found.high))


def _triple(values: Sequence[Any]) -> Triple:
    first, second, third = map(float, values)
    return first, second, third

"""Settings of an analysis of trained networks: stimuli, RDMs and statistics."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from ensemble_rsa.config.checks import FRACTION, SEED, check_types, check_values, count
from ensemble_rsa.errors import InputError, shown, unknown_name

DistanceName = Literal["correlation", "cosine", "euclidean", "unit_euclidean", "norm_difference"]
WithinCategory = Literal["pooled", "per_category"]


@dataclass(frozen=True)
class StimulusConfig:
    """Which images are shown to the networks.

    Attributes:
        stimuli: how many test images, balanced over categories; 1000, or as many as there are, when
            not given.
        draw_stimuli: draw them with `stimulus_seed` instead of taking the first of each category
            (ours: the paper does not say which images it showed).
        stimulus_seed: seed of that draw.
        stimulus_map: a JSON file of categories and their folders of images, which defines the
            categories of the stimuli; the categories of training when not given.
    """

    stimuli: int | None = None
    draw_stimuli: bool = False
    stimulus_seed: int = 0
    stimulus_map: str | None = None

    def __post_init__(self):
        check_types(self)
        check_values(self, count(2), "stimuli")
        check_values(self, SEED, "stimulus_seed")


@dataclass(frozen=True)
class RdmConfig:
    """How RDMs are computed.

    Attributes:
        distance: first-level distance between activation patterns.
        epoch: analyse the networks of this kept epoch; the last when not given.
        cocktail_blank: subtract each unit's mean over the stimuli first.
        dropout_sample: apply dropout at the rate of training with this sample of masks, which
            are the same for instances of one dropout seed. No dropout when not given.
        one_mask: with `dropout_sample`, one mask for all stimuli instead of one for each (the paper
            does not say which).
    """

    distance: DistanceName = "correlation"
    epoch: int | None = None
    cocktail_blank: bool = False
    dropout_sample: int | None = None
    one_mask: bool = False

    def __post_init__(self):
        check_types(self)
        check_values(self, count(0), "epoch", "dropout_sample")


@dataclass(frozen=True)
class StatisticsConfig:
    """How RDMs are compared and how intervals are computed.

    Attributes:
        within_category: pooled (all same-category pairs in one correlation) or per_category (mean
            of the categories' correlations); the paper does not say which.
        n_resamples: bootstrap resamples (ours).
        confidence: level of the intervals.
        seed: seed of the bootstrap and of the initial configurations of MDS.
    """

    within_category: WithinCategory = "pooled"
    n_resamples: int = 10_000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self):
        check_types(self)
        check_values(self, count(1), "n_resamples")
        check_values(self, SEED, "seed")
        check_values(self, FRACTION, "confidence")


@dataclass(frozen=True)
class AnalysisConfig:
    """An analysis of trained networks: stimuli, RDMs and statistics.

    All field names are distinct, so `of` and `replace` take them without their section.

    >>> AnalysisConfig.of(distance="cosine").replace(seed=1).statistics.seed
    1
    """

    stimulus: StimulusConfig = field(default_factory=StimulusConfig)
    rdm: RdmConfig = field(default_factory=RdmConfig)
    statistics: StatisticsConfig = field(default_factory=StatisticsConfig)

    def __post_init__(self):
        try:
            check_types(self)
        except InputError as error:
            raise InputError(f"{error}; AnalysisConfig.of takes settings by their names") from None

    @classmethod
    def of(cls, **values: Any) -> "AnalysisConfig":
        """An analysis with default settings except the given ones, in any section."""
        return cls().replace(**values)

    def replace(self, **values: Any) -> "AnalysisConfig":
        """A copy in which these settings, in any section, are changed."""
        sections = {}
        for section in dataclasses.fields(self):
            current = getattr(self, section.name)
            names = {setting.name for setting in dataclasses.fields(current)} & values.keys()
            changes = {name: values.pop(name) for name in names}
            sections[section.name] = dataclasses.replace(current, **changes)
        if values:
            known = [s.name for part in sections.values() for s in dataclasses.fields(part)]
            raise unknown_name("setting", next(iter(values)), known)
        return AnalysisConfig(**sections)


def checked_settings(settings: AnalysisConfig | None) -> AnalysisConfig:
    """The settings of an analysis, by default all defaults; raise for anything else."""
    if settings is not None and not isinstance(settings, AnalysisConfig):
        raise InputError(
            f"settings: expected an AnalysisConfig, such as AnalysisConfig.of(distance='cosine'), "
            f"got {shown(settings)}"
        )
    return settings or AnalysisConfig()

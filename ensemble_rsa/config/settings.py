"""Everything a run is made from, as frozen dataclasses that are checked when they are made.

Defaults are the paper's (`paper` below) where it is known how it was done; a default that is ours
says so.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ensemble_rsa.errors import InputError, unknown_name

LARGEST_SEED = 2**31  # leaves room for the seeds of the instances that follow
Unconverged = Literal["keep", "replace"]
Feed = Literal["auto", "memory", "disk"]
Precision = Literal["float32", "tensorfloat32", "bfloat16"]
Part = Literal["all", "first_half", "second_half"]
WithinCategory = Literal["pooled", "per_category"]
DropoutAfter = Literal["strided", "input_and_strided", "all"]
PerInstance = float | tuple[float, ...]  # the same for all, or one value for each instance
STACKED = ("learning_rate", "l2", "dropout")  # settings that may differ between instances
# The paper's trajectory (paper.md §8), and the first weights as an extra of ours.
TRAJECTORY = (*range(11), *range(50, 351, 50))


@dataclass(frozen=True)
class DataConfig:
    """Which images, how many, and what is done to them.

    Attributes:
        dataset: digits, cifar10, imagenet2012, or folder:PATH (one folder of images per category).
        data_dir: where TFDS data lie; else the environment variable TFDS_DATA_DIR, else TFDS's own
            place.
        train_images: how many training images, balanced over categories; all when not given.
        test_images: how many test images, balanced over categories; all when not given.
        part: all of these training images, or the first or second half of each category's.
        categories: the categories to train and test on; all when not given.
        category_map: a JSON file, category → folders, that makes one category of several folders of
            images (others are left out); or broad or cifar10, which ship with the package.
        preprocessing: gcn_zca (the paper's), gcn_zca_per_image, standardize, symmetric (-1 to 1) or
            none.
        image_size: side in pixels of images that come from a folder.
        resize: crop (short side to size, then the centre) or squash, for images from a folder.
        test_fraction: held out of a folder that has no train and test folders of its own.
    """

    dataset: str = "digits"
    data_dir: str | None = None
    train_images: int | None = None
    test_images: int | None = None
    part: Part = "all"
    categories: tuple[str, ...] | None = None
    category_map: str | None = None
    preprocessing: str = "gcn_zca"
    image_size: int = 32
    resize: str = "crop"
    test_fraction: float = 0.2

    def __post_init__(self):
        _at_least("image_size", self.image_size, 1)
        if self.part not in get_args(Part):
            raise unknown_name("part", self.part, get_args(Part))
        if self.categories is not None and len({*self.categories}) < 2:
            raise InputError(f"categories: expected two or more, got {self.categories}")
        if not 0 < self.test_fraction < 1:
            raise InputError(f"test_fraction: expected between 0 and 1, got {self.test_fraction}")


@dataclass(frozen=True)
class ModelConfig:
    """Which network.

    Attributes:
        model: all_cnn_c, alexnet, or the surrogates all_cnn_7 and all_cnn_7b.
        width: factor on the number of channels; 1.0 is the paper's.
        last_relu: a ReLU on the class maps, as (probably) in the paper.
        valid_padding: no padding in the last 3 × 3 layer, which makes 6 × 6 maps of 8 × 8, as
            (probably) in the paper.
        dropout_after: where dropout acts in an All-CNN, if there is any: after the strided layers
            (our reading of the paper), on the input too, or after every layer but the last.
    """

    model: str = "all_cnn_c"
    width: float = 1.0
    last_relu: bool = True
    valid_padding: bool = True
    dropout_after: DropoutAfter = "strided"

    def __post_init__(self):
        _positive("width", self.width)
        if self.dropout_after not in get_args(DropoutAfter):
            raise unknown_name("dropout_after", self.dropout_after, get_args(DropoutAfter))


@dataclass(frozen=True)
class TrainingConfig:
    """How the ensemble is trained; the paper's recipe for All-CNN-C.

    Attributes:
        instances: how many networks; instance i has weight seed `seed + i`.
        epochs: how often each training image is seen.
        batch_size: images per step; the last, smaller batch of an epoch is left out (ours).
        learning_rate: of stochastic gradient descent; a tenth of it after each of `drop_after`;
            one number, or one for each instance.
        drop_after: shares of the epochs after which the rate drops: epochs 200, 250 and 300 of 350.
        momentum: of stochastic gradient descent.
        l2: times the sum of all squared weights and biases is added to the loss; one number, or
            one for each instance.
        l2_biases: whether biases count in that sum.
        clip_norm: largest norm of an instance's gradient (over all its parameters: ours).
        dropout: probability of a zero while training, where the network has dropout; the paper's
            baseline has none; one number, or one for each instance.
        seed: weight seed of the first instance.
        seeds: weight seed of each instance, where they are not `seed`, `seed` + 1, ….
        order_seed: seed of the order of the images, shared by all instances.
        dropout_seed: seed of the dropout masks, shared by all instances (ours).
        eval_every: epochs between test accuracies; the last epoch is always tested.
        converged_at: training accuracy below which an instance has not converged (ours).
        unconverged: keep such instances and name them, or replace them by the next seeds.
        precision: of the arithmetic, not of the weights, which stay float32: float32;
            tensorfloat32, which some GPUs and TPUs compute faster (a CPU does not); or bfloat16.
        save_at: epochs whose networks are kept beside the last ones, 0 for the first weights; or
            "trajectory", the paper's 1–10, 50, 100, …, 350 (and 0, ours).
        checkpoint_minutes: how often the whole state is stored, to go on from after a crash.
    """

    instances: int = 10
    epochs: int = 350
    batch_size: int = 128
    learning_rate: PerInstance = 0.01
    drop_after: tuple[float, ...] = (200 / 350, 250 / 350, 300 / 350)
    momentum: float = 0.9
    l2: PerInstance = 1e-5
    l2_biases: bool = True
    clip_norm: float = 500.0
    dropout: PerInstance = 0.0
    seed: int = 0
    seeds: tuple[int, ...] | None = None
    order_seed: int = 0
    dropout_seed: int = 0
    eval_every: int = 1
    converged_at: float = 0.99
    unconverged: Unconverged = "keep"
    precision: Precision = "float32"
    save_at: Literal["trajectory"] | tuple[int, ...] = ()
    checkpoint_minutes: float = 10.0

    def __post_init__(self):
        _at_least("instances", self.instances, 1)
        _at_least("epochs", self.epochs, 0)
        _at_least("batch_size", self.batch_size, 1)
        _at_least("eval_every", self.eval_every, 1)
        for name in ("seed", "order_seed", "dropout_seed"):
            _check_seed(name, getattr(self, name))
        for name in ("clip_norm", "checkpoint_minutes"):
            _positive(name, getattr(self, name))
        if not all(0 < share <= 1 for share in self.drop_after):
            raise InputError(f"drop_after: expected shares from 0 to 1, got {self.drop_after}")
        _share("momentum", self.momentum)
        _check_epochs("save_at", self.save_at)
        self._check_instances()
        if self.unconverged not in get_args(Unconverged):
            raise unknown_name("unconverged", self.unconverged, get_args(Unconverged))
        if self.precision not in get_args(Precision):
            raise unknown_name("precision", self.precision, get_args(Precision))
        if not 0 <= self.converged_at <= 1:
            raise InputError(f"converged_at: expected from 0 to 1, got {self.converged_at}")

    def _check_instances(self):
        """Values that may differ between instances."""
        for name in STACKED:
            _one_for_each_instance(name, getattr(self, name), self.instances)
        for value in _each(self.learning_rate):
            _positive("learning_rate", value)
        for value in _each(self.l2):
            _at_least("l2", value, 0)
        for value in _each(self.dropout):
            _share("dropout", value)
        if self.seeds is not None:
            _one_for_each_instance("seeds", self.seeds, self.instances)
            for value in self.seeds:
                _check_seed("seeds", value)


@dataclass(frozen=True)
class ExecutionConfig:
    """How training is computed; every choice gives the same networks, to rounding.

    Attributes:
        convolution: winograd, plain_gradients, patches or xla; auto measures which is fastest.
        at_once: how many instances go through `vmap` together, the others in a loop, or all of
            them; auto measures what is fastest.
        devices: how many of this machine's devices to use; all when not given.
        group: how many instances are trained together; as many as memory holds when not given.
        processes: how many processes, on any number of machines, train this ensemble in one folder
            that all of them see.
        process_id: which of them this is, from 0.
        feed: images in memory, or from disk batch by batch; auto: disk where they would fill more
            than a quarter of the free memory.
    """

    convolution: str = "auto"
    at_once: int | Literal["auto", "all"] = "auto"
    devices: int | None = None
    group: int | None = None
    processes: int = 1
    process_id: int = 0
    feed: Feed = "auto"

    def __post_init__(self):
        if self.feed not in get_args(Feed):
            raise unknown_name("feed", self.feed, get_args(Feed))
        _at_least("processes", self.processes, 1)
        if not 0 <= self.process_id < self.processes:
            raise InputError(
                f"process_id: expected from 0 to {self.processes - 1}, since there are "
                f"{self.processes} processes, got {self.process_id}"
            )
        for name in ("at_once", "devices", "group"):
            value = getattr(self, name)
            if isinstance(value, int):
                _at_least(name, value, 1)
            elif value is not None and value not in ("auto", "all"):
                raise unknown_name(name, value, ["auto", "all", "a number"])


@dataclass(frozen=True)
class StimulusConfig:
    """Which images are shown to the networks.

    Attributes:
        stimuli: how many test images, balanced over categories; 1000, or as many as there are, when
            not given.
        draw_stimuli: draw them with `stimulus_seed` instead of taking the first of each category.
        stimulus_seed: seed of that draw.
        stimulus_map: a JSON file, category → folders of images, that defines the categories of the
            stimuli; the categories of training when not given.
    """

    stimuli: int | None = None
    draw_stimuli: bool = False
    stimulus_seed: int = 0
    stimulus_map: str | None = None

    def __post_init__(self):
        if self.stimuli is not None:
            _at_least("stimuli", self.stimuli, 2)
        _check_seed("stimulus_seed", self.stimulus_seed)


@dataclass(frozen=True)
class RdmConfig:
    """How RDMs are computed.

    Attributes:
        distance: first-level distance between activation patterns.
        epoch: of the networks, one that training kept; the last when not given.
        cocktail_blank: subtract each unit's mean over the stimuli first.
        dropout_sample: apply dropout, at the rate of training, with the masks of this number; masks
            are the same for all instances. No dropout when not given.
        one_mask: with `dropout_sample`, one mask for all stimuli instead of one for each (the paper
            does not say which).
    """

    distance: str = "correlation"
    epoch: int | None = None
    cocktail_blank: bool = False
    dropout_sample: int | None = None
    one_mask: bool = False

    def __post_init__(self):
        for name in ("epoch", "dropout_sample"):
            if getattr(self, name) is not None:
                _at_least(name, getattr(self, name), 0)


@dataclass(frozen=True)
class StatisticsConfig:
    """How RDMs are compared and how intervals are computed.

    Attributes:
        within_category: pooled (all same-category pairs in one correlation) or per_category (mean
            of the categories' correlations); the paper does not say which.
        n_resamples: bootstrap resamples (ours).
        confidence: level of the intervals.
        seed: of the bootstrap and of the starts of multidimensional scaling.
    """

    within_category: WithinCategory = "pooled"
    n_resamples: int = 10_000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self):
        if self.within_category not in get_args(WithinCategory):
            raise unknown_name("within_category", self.within_category, get_args(WithinCategory))
        _at_least("n_resamples", self.n_resamples, 1)
        _check_seed("seed", self.seed)
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence: expected between 0 and 1, got {self.confidence}")


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

    @classmethod
    def of(cls, **values: Any) -> "AnalysisConfig":
        """An analysis with default settings except the given ones, in any section."""
        return cls().replace(**values)

    def replace(self, **values: Any) -> "AnalysisConfig":
        """A copy with these settings, in any section, changed.

        Raises:
            InputError: an unknown setting, or a value that is not allowed.
        """
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


@dataclass(frozen=True)
class Config:
    """One training run: data, network and recipe, and how it is computed."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)


def sweep(config: Config, **values: Sequence[float]) -> Config:
    """One ensemble for all combinations of some settings, each with the same instances.

    The instances of the first combination come first. Every combination has the weight seeds of
    `config`, so that instances of equal seed differ in their settings alone.

    Args:
        config: what the combinations share.
        values: `learning_rate`, `l2` or `dropout`, and the values each takes.

    Raises:
        InputError: a setting that cannot differ between instances, or no values for it.

    >>> grid = sweep(Config(training=TrainingConfig(instances=2)), dropout=[0.0, 0.5])
    >>> grid.training.dropout, grid.training.seeds
    ((0.0, 0.0, 0.5, 0.5), (0, 1, 0, 1))
    """
    training = config.training
    for name, given in values.items():
        if name not in STACKED:
            raise unknown_name("sweep", name, STACKED)
        if not len(given):
            raise InputError(f"sweep: expected values of {name}, got none")
    grid = list(itertools.product(*values.values()))
    stacked = {
        name: tuple(
            float(combination[i]) for combination in grid for _ in range(training.instances)
        )
        for i, name in enumerate(values)
    }
    others = {name: getattr(training, name) for name in STACKED if name not in values}
    repeated = {
        name: value * len(grid) for name, value in others.items() if isinstance(value, tuple)
    }
    return dataclasses.replace(
        config,
        training=dataclasses.replace(
            training,
            instances=training.instances * len(grid),
            seeds=weight_seeds(training) * len(grid),
            **stacked,
            **repeated,
        ),
    )


def weight_seeds(training: TrainingConfig) -> tuple[int, ...]:
    """The weight seed of each instance."""
    if training.seeds is not None:
        return training.seeds
    return tuple(range(training.seed, training.seed + training.instances))


def saved_epochs(training: TrainingConfig) -> tuple[int, ...]:
    """Epochs whose networks are kept, in order; the last epoch's are kept anyway.

    >>> saved_epochs(TrainingConfig(epochs=60, save_at="trajectory"))
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 50)
    """
    asked = TRAJECTORY if training.save_at == "trajectory" else training.save_at
    return tuple(sorted({epoch for epoch in asked if epoch <= training.epochs}))


def _at_least(name: str, value: int | float, least: int) -> None:
    if not value >= least:
        raise InputError(f"{name}: expected {least} or more, got {value}")


def _share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise InputError(f"{name}: expected a number from 0 to below 1, got {value}")


def _each(value: PerInstance) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)


def _one_for_each_instance(name: str, value: PerInstance | tuple[int, ...], instances: int) -> None:
    if isinstance(value, tuple) and len(value) != instances:
        raise InputError(
            f"{name}: expected one value, or one for each of {instances} instances, got "
            f"{len(value)}"
        )


def _check_epochs(name: str, value: str | tuple[int, ...]) -> None:
    if isinstance(value, str):
        if value != "trajectory":
            raise unknown_name(name, value, ["trajectory", "numbers of epochs"])
        return
    for epoch in value:
        _at_least(name, epoch, 0)


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise InputError(f"{name}: expected a number above 0, got {value}")


def _check_seed(name: str, value: int) -> None:
    if not 0 <= value <= LARGEST_SEED:
        raise InputError(f"{name}: expected from 0 to {LARGEST_SEED}, got {value}")

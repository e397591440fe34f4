"""Settings of a training run, as frozen dataclasses that are checked when they are made.

Defaults are those of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w), called the paper here;
a default that the paper does not state is marked as ours.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ensemble_rsa.config.checks import (
    COLOUR,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    SEED,
    added,
    check_defaults,
    check_types,
    check_values,
    count,
)
from ensemble_rsa.errors import InputError, check_name, shown

DatasetName = Literal["digits", "cifar10", "imagenet2012"]
PreprocessingName = Literal["gcn_zca", "gcn_zca_per_image", "standardize", "symmetric", "none"]
Resize = Literal["crop", "squash"]
Part = Literal["all", "first_half", "second_half"]
ConvNetName = Literal["all_cnn_c", "all_cnn_7", "all_cnn_7b", "alexnet"]
ModuleName = Literal["resnet18", "resnet20", "resnet32", "resnet56", "vit", "mlp"]
MODEL_NAMES = (*get_args(ConvNetName), *get_args(ModuleName))
DropoutAfter = Literal["strided", "input_and_strided", "all"]
OptimiserName = Literal["sgd", "nesterov", "adamw", "lion"]
ScheduleName = Literal["drops", "cosine", "one_cycle"]
Unconverged = Literal["keep", "replace"]
TrainingPrecision = Literal["float32", "tensorfloat32", "bfloat16"]
Convolution = Literal["auto", "winograd", "plain_gradients", "patches", "per_instance", "xla"]
Feed = Literal["auto", "memory", "disk"]
PerInstance = float | tuple[float, ...]  # the same for all, or one value for each instance
PerInstanceSeed = int | tuple[int, ...]  # likewise
STACKED = ("learning_rate", "l2", "dropout")  # settings that may differ between instances
# Likewise, and shared by those that are trained together.
GROUPED = ("order_seed", "dropout_seed", "augmentation_seed")
FOLDER, TFDS, ARRAYS = "folder:", "tfds:", "arrays:"
# The epochs of the paper's Fig. 9, and the initial weights (ours).
TRAJECTORY = (*range(11), *range(50, 351, 50))


@dataclass(frozen=True)
class DataConfig:
    """Which images, how many, and how they are preprocessed.

    Attributes:
        dataset: digits, cifar10, imagenet2012, folder:PATH (one folder of images per category),
            tfds:NAME, a data set of TensorFlow Datasets with images and labels, or arrays:FILE, an
            .npz file with images and labels.
        data_dir: where TFDS keeps its data; else the environment variable TFDS_DATA_DIR, else the
            default of TFDS.
        train_images: how many training images, balanced over categories; all when not given.
        test_images: how many test images, balanced over categories; all when not given.
        part: all of these training images, or the first or second half of each category's.
        categories: the categories to train and test on; all when not given.
        category_map: a JSON file of categories and their folders, which makes one category of
            several folders of images (others are left out); or animals, broad or cifar10, of
            the package.
        preprocessing: gcn_zca (the paper's), gcn_zca_per_image, standardize, symmetric (-1 to 1) or
            none.
        image_size: side in pixels of images from a folder or from ImageNet.
        resize: crop (short side to size, then the centre) or squash, for the same images.
        test_fraction: share held out of a folder that has no train and test folders, or of arrays
            without test images (ours).
        background: the colour behind transparent pixels, such as white, black or #808080 (ours).
    """

    dataset: str = "digits"
    data_dir: str | None = None
    train_images: int | None = None
    test_images: int | None = None
    part: Part = "all"
    categories: tuple[str, ...] | None = None
    category_map: str | None = None
    preprocessing: PreprocessingName = "gcn_zca"
    image_size: int = 32
    resize: Resize = "crop"
    test_fraction: float = 0.2
    background: str = added("white")

    def __post_init__(self):
        check_types(self)
        if self.dataset == FOLDER:
            raise InputError("dataset: expected folder:PATH with the path of a folder, got no path")
        if self.dataset == TFDS:
            raise InputError("dataset: expected tfds:NAME with the name of a data set, got no name")
        if self.dataset == ARRAYS:
            raise InputError("dataset: expected arrays:FILE with the path of a file, got no path")
        if not self.dataset.startswith((FOLDER, TFDS, ARRAYS)):
            choices = (*get_args(DatasetName), f"{FOLDER}PATH", f"{TFDS}NAME", f"{ARRAYS}FILE")
            check_name("dataset", self.dataset, choices)
        check_values(self, count(1), "train_images", "test_images", "image_size")
        if self.categories is not None and len({*self.categories}) < 2:
            raise InputError(f"categories: expected two or more, got {self.categories}")
        check_values(self, FRACTION, "test_fraction")
        check_values(self, COLOUR, "background")

    @property
    def folder(self) -> Path | None:
        """The folder of images that the data set names; None for the other data sets."""
        if not self.dataset.startswith(FOLDER):
            return None
        return Path(self.dataset.removeprefix(FOLDER)).expanduser()

    @property
    def file(self) -> Path | None:
        """The file of arrays that the data set names; None for the other data sets."""
        if not self.dataset.startswith(ARRAYS):
            return None
        return Path(self.dataset.removeprefix(ARRAYS)).expanduser()


OF_ALL_CNN = ("last_relu", "valid_padding", "dropout_after")  # settings


@dataclass(frozen=True)
class ModelConfig:
    """Which network.

    Attributes:
        model: all_cnn_c, alexnet, or the surrogates all_cnn_7 and all_cnn_7b; resnet18, resnet20,
            resnet32, resnet56, vit or mlp; or module:Class, a Flax module of yours.
        width: factor on the number of channels; 1.0 is the paper's. A module of yours has none.
        last_relu: a ReLU on the class maps, as (probably) in the paper.
        valid_padding: no padding in the last 3 × 3 layer, which makes 6 × 6 maps of 8 × 8, as
            (probably) in the paper.
        dropout_after: where dropout acts in an All-CNN, if there is any: after the strided layers
            (our reading of the paper), on the input too, or after every layer but the last.
        model_arg: further arguments of the constructor of a module, such as depth=18 norm=group.
    """

    model: str = "all_cnn_c"
    width: float = 1.0
    last_relu: bool = True
    valid_padding: bool = True
    dropout_after: DropoutAfter = "strided"
    model_arg: tuple[str, ...] = added(())

    def __post_init__(self):
        check_types(self)
        check_values(self, POSITIVE, "width")
        if ":" not in self.model:
            check_name("model", self.model, (*MODEL_NAMES, "module:Class"))
            if self.model_arg and not self.is_module:
                raise InputError(
                    f"model_arg: {self.model} takes no arguments, got {shown(self.model_arg)}"
                )
        elif self.width != 1.0:
            raise InputError(
                f"width: {self.model} has no width, got {self.width}; give its constructor an "
                "argument by model_arg"
            )
        if self.is_module:
            why = f"is about All-CNN and has no effect on {self.model}"
            check_defaults(self, why, *OF_ALL_CNN)

    @property
    def is_module(self) -> bool:
        """Whether this is a Flax module, of the package or of a user."""
        return ":" in self.model or self.model in get_args(ModuleName)

    @classmethod
    def of(cls, module: type, **arguments: Any) -> "ModelConfig":
        """The settings of a Flax module of yours, with arguments of its constructor.

        Values should be Python literals, as the configuration is stored as text.

        >>> class Net:
        ...     pass
        >>> ModelConfig.of(Net, depth=18).model_arg
        ('depth=18',)
        """
        name = f"{module.__module__}:{module.__qualname__}"
        return cls(name, model_arg=tuple(f"{key}={value!r}" for key, value in arguments.items()))


@dataclass(frozen=True)
class TrainingConfig:
    """How the ensemble is trained; the paper's recipe for All-CNN-C.

    Attributes:
        instances: how many networks; instance i has weight seed `seed + i`.
        epochs: how often each training image is seen.
        batch_size: images per step; the last, smaller batch of an epoch is left out (ours).
        learning_rate: of stochastic gradient descent, divided by ten after each of `drop_after`;
            one number, or one for each instance.
        drop_after: shares of the epochs after which the rate drops: epochs 200, 250 and 300 of 350.
        momentum: momentum coefficient of stochastic gradient descent.
        l2: coefficient of the sum of squared weights and biases in the loss; one number, or
            one for each instance.
        l2_biases: whether the L2 penalty includes biases.
        clip_norm: largest norm of an instance's gradient (over all its parameters: ours).
        dropout: probability of a zero while training, where the network has dropout; the paper's
            baseline has none; one number, or one for each instance.
        seed: weight seed of the first instance.
        seeds: weight seed of each instance, where they are not `seed`, `seed` + 1, ….
        order_seed: seed of the order of the images, shared by all instances; or one for each.
        dropout_seed: seed of the dropout masks, shared by all instances (ours); or one for each.
        eval_every: epochs between test accuracies; the last epoch, and those whose networks are
            kept, are always tested.
        converged_at: training accuracy below which an instance has not converged (ours).
        unconverged: keep and flag these instances, or replace them by the next seeds; those whose
            logits are zero for all images, and which cannot learn, are replaced after two epochs
            of a training of 20 or more.
        precision: precision of the arithmetic (weights stay float32): float32;
            tensorfloat32, which some GPUs and TPUs compute faster (a CPU does not); or bfloat16.
        save_at: epochs whose networks are kept besides those of the last, 0 for the initial
            weights; or "trajectory", the paper's 1–10, 50, 100, …, 350 (and 0, ours).
        checkpoint_minutes: minutes between checkpoints from which training can resume (ours).
        optimiser: sgd (the paper's, with momentum), nesterov, adamw or lion.
        schedule: drops (the paper's, see drop_after), cosine or one_cycle.
        warm_up: share of the training in which the rate rises to its full value; one_cycle has a
            rise of its own.
        weight_decay: decoupled decay of kernels per step, times the learning rate; the paper has l2
            in the loss instead.
        label_smoothing: share of a label that is spread over all categories.
        flip: whether training images are mirrored at random.
        shift: pixels by which training images are shifted at most.
        cutout: side in pixels of a square that is grey in training images, at a random place.
        mixup: each training image is mixed with another of its batch, and so are the labels, in a
            share drawn from Beta(mixup, mixup); 0 for none. The training accuracy then is that for
            the first label.
        augmentation_seed: seed of what is drawn for training images, shared by all instances; or
            one for each.
        accumulate: batches whose gradients are averaged for one update; those left over at the end
            of the training change nothing.
        average: decay per batch of running averages of the weights, which are the networks that
            are tested and kept; 0 for the weights themselves.
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
    order_seed: PerInstanceSeed = 0
    dropout_seed: PerInstanceSeed = 0
    eval_every: int = 1
    converged_at: float = 0.99
    unconverged: Unconverged = "keep"
    precision: TrainingPrecision = "float32"
    save_at: Literal["trajectory"] | tuple[int, ...] = ()
    checkpoint_minutes: float = 10.0
    optimiser: OptimiserName = added("sgd")
    schedule: ScheduleName = added("drops")
    warm_up: float = added(0.0)
    weight_decay: float = added(0.0)
    label_smoothing: float = added(0.0)
    flip: bool = added(False)
    shift: int = added(0)
    cutout: int = added(0)
    mixup: float = added(0.0)
    augmentation_seed: PerInstanceSeed = added(0)
    accumulate: int = added(1)
    average: float = added(0.0)

    def __post_init__(self):
        check_types(self)
        check_values(self, count(1), "instances", "batch_size", "eval_every", "accumulate")
        check_values(self, count(0), "epochs", "shift", "cutout")
        check_values(self, SEED, "seed", "seeds", "order_seed", "dropout_seed", "augmentation_seed")
        check_values(self, POSITIVE, "learning_rate", "clip_norm", "checkpoint_minutes")
        check_values(self, NOT_NEGATIVE, "l2", "weight_decay", "mixup")
        check_values(self, RATE, "momentum", "dropout", "warm_up", "label_smoothing", "average")
        if not all(0 < share <= 1 for share in self.drop_after):
            raise InputError(
                f"drop_after: expected shares from 0 to 1, got {shown(self.drop_after)}"
            )
        if not 0 <= self.converged_at <= 1:
            raise InputError(f"converged_at: expected from 0 to 1, got {self.converged_at}")
        if isinstance(self.save_at, str):
            check_name("save_at", self.save_at, ("trajectory", "numbers of epochs"))
        else:
            check_values(self, count(0), "save_at")
        for name in (*STACKED, *GROUPED, "seeds"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.instances:
                raise InputError(
                    f"{name}: expected one value, or one for each of {self.instances} instances, "
                    f"got {len(value)}"
                )


@dataclass(frozen=True)
class ExecutionConfig:
    """How training is computed; every choice gives the same networks, to rounding.

    Attributes:
        convolution: winograd, plain_gradients, patches, per_instance or xla; auto measures which is
            fastest.
        at_once: how many instances go through `vmap` together, the others in a loop, or all of
            them; auto measures what is fastest.
        devices: how many of this machine's devices to use; all when not given.
        group: how many instances are trained together; as many as memory holds when not given.
        feed: images in memory, or from disk batch by batch; auto: disk where they would fill more
            than a quarter of the free memory.
    """

    convolution: Convolution = "auto"
    at_once: int | Literal["auto", "all"] = "auto"
    devices: int | None = None
    group: int | None = None
    feed: Feed = "auto"

    def __post_init__(self):
        check_types(self)
        check_values(self, count(1), "devices", "group")
        if isinstance(self.at_once, str):
            check_name("at_once", self.at_once, ("auto", "all", "a number"))
        else:
            check_values(self, count(1), "at_once")


@dataclass(frozen=True)
class Config:
    """One training run: data, network and recipe, and how it is computed."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)

    def __post_init__(self):
        check_types(self)
        dropout = self.training.dropout
        if self.model.is_module and any(np.atleast_1d(dropout)):
            raise InputError(
                f"dropout: expected 0 for {self.model.model}, a module that decides on its own "
                f"dropout, got {shown(dropout)}"
            )
        if self.model.is_module and self.training.precision == "bfloat16":
            raise InputError(
                f"precision: expected float32 or tensorfloat32 for {self.model.model}, a module "
                "that decides on its own dtype, got bfloat16"
            )


def weight_seeds(training: TrainingConfig) -> tuple[int, ...]:
    """The weight seed of each instance."""
    if training.seeds is not None:
        return training.seeds
    return tuple(range(training.seed, training.seed + training.instances))


def seeds_of_instance(training: TrainingConfig, instance: int) -> TrainingConfig:
    """The settings with the seeds of one instance where each has its own.

    >>> seeds_of_instance(TrainingConfig(instances=2, order_seed=(0, 5)), 1).order_seed
    5
    """
    values = {name: getattr(training, name) for name in GROUPED}
    own = {name: value[instance] for name, value in values.items() if isinstance(value, tuple)}
    return replace(training, **own) if own else training


def shared_seeds(training: TrainingConfig) -> tuple[int, ...]:
    """The seeds of `GROUPED`, of instances that share them.

    >>> shared_seeds(TrainingConfig(order_seed=3))
    (3, 0, 0)
    """
    values = [getattr(training, name) for name in GROUPED]
    assert not any(isinstance(value, tuple) for value in values)  # see `seeds_of_instance`
    return tuple(values)


def changes_images(training: TrainingConfig) -> bool:
    """Whether a recipe changes training images before preprocessing."""
    return bool(training.flip or training.shift or training.cutout)


def saved_epochs(training: TrainingConfig) -> tuple[int, ...]:
    """The epochs whose networks are kept, in order; those of the last epoch are always kept.

    >>> saved_epochs(TrainingConfig(epochs=60, save_at="trajectory"))
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 50)
    """
    asked = TRAJECTORY if training.save_at == "trajectory" else training.save_at
    return tuple(sorted({epoch for epoch in asked if epoch <= training.epochs}))

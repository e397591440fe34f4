"""How large the experiments are: the ensembles that each scale trains, and what is shown to them.

Code and definitions are the same at every scale; besides sizes, preprocessing differs, and whether
instances that do not converge are replaced. `paper` is the published setting, as far as it is
known; `small` and `smoke` are ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from ensemble_rsa.config.settings import (
    AnalysisConfig,
    Config,
    DataConfig,
    ModelConfig,
    TrainingConfig,
    sweep,
)
from ensemble_rsa.data.category_map import grouped_categories, read_category_map
from ensemble_rsa.errors import InputError, unknown_name

DROPOUT_RATES = tuple(round(0.1 * step, 1) for step in range(9))  # paper.md §7


@dataclass(frozen=True)
class Scale:
    """One size of all experiments.

    Attributes:
        name: smoke, small or paper.
        ensembles: name → what it is trained from. `control` is All-CNN-C as the networks with
            dropout, those of other data and the variants are trained; where all are trained
            alike, it is `all_cnn_c` itself.
        analysis: stimuli and bootstrap for the networks of CIFAR-10's kind.
        large_images: the same for AlexNet.
        rates: of dropout, ascending from 0; those above 0 are the ensemble `dropout`.
        samples: how many masks are drawn at test time.
        draws: random assignments to categories.
        learns: whether networks are trained enough for the paper's effects to be looked for.
        comparable: whether the paper's numbers can be expected.
    """

    name: str
    ensembles: Mapping[str, Config]
    analysis: AnalysisConfig
    large_images: AnalysisConfig
    rates: tuple[float, ...]
    samples: int
    draws: int
    learns: bool
    comparable: bool


@dataclass(frozen=True)
class Images:
    """Where images lie on this machine.

    Attributes:
        data_dir: of TFDS, for CIFAR-10.
        folder: of large images, for AlexNet; None for what the scale has of its own.
        category_map: which of its folders make a category. At the paper's scale these are the
            stimuli's categories, below it those that AlexNet learns, too. When not given: where the
            folders are ImageNet's, `cifar10` at the paper's scale and `broad` below it; else each
            folder is a category.
    """

    data_dir: str | None = None
    folder: Path | None = None
    category_map: str | None = None


def make_scale(name: str, images: Images | None = None) -> Scale:
    """The experiments at one size.

    Args:
        name: smoke, small or paper.
        images: where images lie.

    Raises:
        InputError: an unknown name, no such folder, or a mapping without the folders that it names.

    >>> make_scale("paper").ensembles["all_cnn_c"].training.epochs
    350
    """
    if name not in SCALES:
        raise unknown_name("scale", name, SCALES)
    return SCALES[name](images or Images())


def _smoke(images: Images) -> Scale:
    """Digits, three instances, hardly any training: shows that every path runs."""
    base = Config(
        DataConfig(dataset="digits", preprocessing="standardize", train_images=600),
        ModelConfig(width=0.1),
        TrainingConfig(instances=3, epochs=5, batch_size=30),
    )
    large = DataConfig(
        preprocessing="symmetric",
        image_size=96,
        test_fraction=0.5,
        category_map=_map_of_folder(images, "broad"),
    )
    recipe = replace(ALEXNET_TRAINING, instances=3, epochs=2, batch_size=10)
    alexnet = _alexnet(images, large, ModelConfig("alexnet", width=0.05), recipe)
    shown = AnalysisConfig.of(stimuli=100, n_resamples=1000)
    halves = (tuple("01234"), tuple("56789"))
    return Scale(
        "smoke",
        _ensembles(base, alexnet, halves, (0.0, 0.3, 0.6)),
        shown,
        shown.replace(stimuli=None),
        rates=(0.0, 0.3, 0.6),
        samples=3,
        draws=100,
        learns=False,
        comparable=False,
    )


def _small(images: Images) -> Scale:
    """CIFAR-10, ten instances, few channels and images: shows whether the effects appear.

    In batches of 16, networks idle for some 600 steps before they begin to learn. The baseline gets
    7,500 steps; the 90 networks of the dropout experiment and the 40 of other data get 2,000, with
    half as many channels, at which they begin sooner. All but the width and such numbers is as at
    the paper's scale, except preprocessing: the copy of CIFAR-10 that we had went through JPEG,
    whose noise ZCA amplifies.
    """
    data = DataConfig(
        "cifar10",
        images.data_dir,
        train_images=5000,
        test_images=2000,
        preprocessing="standardize",
    )
    base = Config(data, ModelConfig(width=0.25), TrainingConfig(epochs=24, batch_size=16))
    brief = Config(
        replace(data, train_images=4000),
        ModelConfig(width=0.125),
        replace(base.training, epochs=8),
    )
    large = DataConfig(
        preprocessing="symmetric",
        image_size=64,
        test_fraction=0.4,
        category_map=_map_of_folder(images, "broad"),
    )
    # AlexNet idles for some 600 steps, and a folder of a few hundred images makes short epochs
    recipe = replace(
        ALEXNET_TRAINING, epochs=150, batch_size=16, drop_after=(2 / 3,), eval_every=150
    )
    alexnet = _alexnet(images, large, ModelConfig("alexnet", width=0.25), recipe)
    return Scale(
        "small",
        _ensembles(
            base, alexnet, CIFAR10_HALVES, DROPOUT_RATES, brief,
            replace(brief, data=replace(data, train_images=8000)),
            trajectory=(*range(11), *range(12, 25, 2)),  # as many as the paper's, spread likewise
        ),
        AnalysisConfig.of(stimuli=1000),
        AnalysisConfig.of(draw_stimuli=True),
        rates=DROPOUT_RATES,
        samples=10,
        draws=1000,
        learns=True,
        comparable=False,
    )  # fmt: skip


def _paper(images: Images) -> Scale:
    """The published setting; what is not known of it is ours, as the settings' own texts say."""
    base = Config(
        DataConfig("cifar10", images.data_dir), ModelConfig(), TrainingConfig(unconverged="replace")
    )
    large = DataConfig("imagenet2012", images.data_dir, preprocessing="symmetric", image_size=224)
    alexnet = _alexnet(images, large, ModelConfig("alexnet"), ALEXNET_TRAINING) or Config(
        large, ModelConfig("alexnet"), ALEXNET_TRAINING
    )
    if images.folder is None:
        stimulus_map = images.category_map or "cifar10"
    else:
        stimulus_map = _map_of_folder(images, "cifar10")
    return Scale(
        "paper",
        _ensembles(base, alexnet, CIFAR10_HALVES, DROPOUT_RATES),
        AnalysisConfig.of(stimuli=1000),
        # drawn, since the first images of a category made of several folders are those of one
        AnalysisConfig.of(stimuli=1000, draw_stimuli=True, stimulus_map=stimulus_map),
        rates=DROPOUT_RATES,
        samples=10,
        draws=1000,
        learns=True,
        comparable=True,
    )


# Ours, where paper.md §3 has no more than common practice; 90 epochs are the paper's, and so is,
# probably, half of 5e-4 times the squared kernels.
ALEXNET_TRAINING = TrainingConfig(
    epochs=90, drop_after=(1 / 3, 2 / 3), dropout=0.5, l2=2.5e-4, l2_biases=False
)
CIFAR10_HALVES = (
    ("airplane", "automobile", "bird", "cat", "deer"),
    ("dog", "frog", "horse", "ship", "truck"),
)
SCALES: Mapping[str, Callable[[Images], Scale]] = MappingProxyType(
    {"smoke": _smoke, "small": _small, "paper": _paper}
)


def _map_of_folder(images: Images, usual: str) -> str | None:
    """The mapping that was given, else the usual one where the folder holds what that names.

    A folder that holds none of it has categories of its own.
    """
    place, given = images.folder, images.category_map
    if place is None:
        if given is not None:
            raise InputError(
                "category_map: it says which folders of --image-folder make a category, and that "
                "is not given; give both or neither"
            )
        return None
    folders = _subfolders(place)
    if given is not None:
        grouped_categories(folders, read_category_map(given))  # told before hours of training
        return given
    named = {name for parts in read_category_map(usual).values() for name in parts}
    missing = sorted(named - {*folders})
    if len(missing) == len(named):
        return None
    if missing:
        raise InputError(
            f"image_folder: {place} holds some of the folders that make ten categories of "
            f"ImageNet, but not {missing[0]} ({len(missing)} of {len(named)} are missing); add "
            "them, or say what makes a category in a JSON file, "
            '{"category": ["folder", …], …}, as --category-map'
        )
    return usual


def _subfolders(place: Path) -> list[str]:
    """Names of the categories' folders, which lie in `train` where the images are split."""
    if not place.is_dir():
        raise InputError(f"image_folder: no such folder {place}")
    if (place / "train").is_dir() and (place / "test").is_dir():
        place = place / "train"
    return sorted(entry.name for entry in place.iterdir() if entry.is_dir())


def _alexnet(
    images: Images, data: DataConfig, model: ModelConfig, training: TrainingConfig
) -> Config | None:
    """AlexNet on a folder of images, if there is one."""
    if images.folder is None:
        return None
    return Config(replace(data, dataset=f"folder:{images.folder}"), model, training)


def _ensembles(
    base: Config,
    alexnet: Config | None,
    halves: tuple[tuple[str, ...], tuple[str, ...]],
    rates: tuple[float, ...],
    brief: Config | None = None,
    divided: Config | None = None,
    trajectory: Literal["trajectory"] | tuple[int, ...] = "trajectory",
) -> dict[str, Config]:
    """Every ensemble that the figures need, from the recipes of All-CNN-C and of AlexNet.

    Args:
        base: All-CNN-C.
        alexnet: None where it has no images.
        halves: two disjoint sets of categories.
        rates: of dropout, from 0.
        brief: All-CNN-C where nine ensembles of it are needed; the base when not given.
        divided: All-CNN-C where its images are divided in two; the base when not given.
        trajectory: the epochs at which the networks of All-CNN-C are kept.
    """
    all_cnn_c = replace(base, training=replace(base.training, save_at=trajectory))
    swept, divided = _at_the_end(brief or base), _at_the_end(divided or base)

    def with_data(**changes) -> Config:
        return replace(divided, data=replace(divided.data, **changes))

    ensembles = {
        "all_cnn_c": all_cnn_c,
        "all_cnn_7": replace(base, model=replace(base.model, model="all_cnn_7")),
        "control": all_cnn_c if brief is None else swept,
        "first_half": with_data(part="first_half"),
        "second_half": with_data(part="second_half"),
        "first_categories": with_data(categories=halves[0]),
        "second_categories": with_data(categories=halves[1]),
        "dropout": sweep(swept, dropout=rates[1:]),
    }
    return ensembles if alexnet is None else {**ensembles, "alexnet": alexnet}


def _at_the_end(config: Config) -> Config:
    """The recipe, tested after the last epoch alone, and with every instance kept.

    The rule of convergence was made for the baseline, and only its trajectory is looked at.
    """
    training = config.training
    once = max(1, training.epochs)
    return replace(config, training=replace(training, unconverged="keep", eval_every=once))

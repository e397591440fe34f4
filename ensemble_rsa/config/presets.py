"""Recipes of training by name: plain configurations, of which any field can be changed."""

from types import MappingProxyType

from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.errors import check_name

# He et al. 2016 (doi:10.1109/CVPR.2016.90), section 4.2: 64,000 steps, a tenth of the rate after a
# half and three quarters of them, images shifted and mirrored, a weight decay of 1e-4. That is the
# gradient of 5e-5 times the squares of the parameters. How images are normalised is ours.
_RESNET = Config(
    DataConfig("cifar10", preprocessing="standardize"),
    ModelConfig("resnet20"),
    TrainingConfig(
        epochs=164, learning_rate=0.1, drop_after=(0.5, 0.75), l2=5e-5, flip=True, shift=4
    ),
)
# Ours, after common practice for small vision transformers.
_VIT = Config(
    DataConfig("cifar10", preprocessing="standardize"),
    ModelConfig("vit"),
    TrainingConfig(
        epochs=200, learning_rate=1e-3, optimiser="adamw", schedule="cosine", warm_up=0.05,
        weight_decay=0.05, l2=0.0, clip_norm=1.0, label_smoothing=0.1, flip=True, shift=4,
    ),
)  # fmt: skip
_PAPER = Config(DataConfig("cifar10"))
PRESETS = MappingProxyType({"paper": _PAPER, "resnet": _RESNET, "vit": _VIT})


def preset(name: str) -> Config:
    """The configuration of a recipe: CIFAR-10, a network of its kind, and how it is trained.

    Args:
        name: `paper` (All-CNN-C), `resnet` (ResNet-20, after He et al. 2016) or `vit` (ours).

    Raises:
        InputError: an unknown name.

    >>> preset("resnet").training.drop_after
    (0.5, 0.75)
    """
    check_name("recipe", name, PRESETS)
    return PRESETS[name]

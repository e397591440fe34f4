"""All-CNN-C and seven-layer surrogates: convolutions only, class maps averaged over space.

All-CNN-C follows Springenberg et al. 2014, doi:10.48550/arXiv.1412.6806, as used by Mehrer et al.
2020, doi:10.1038/s41467-020-19632-w: with a ReLU on the class maps, and without dropout unless it
is asked for. The description of All-CNN-7 has not been published: both networks offered under that
name are ours, and are called surrogates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import jax
from flax import nnx
from jaxtyping import Array, Float

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.models.convnet import Conv, ConvNet, map_size, scaled_channels
from ensemble_rsa.models.dropout import Dropout, drop_out


@dataclass(frozen=True)
class Architecture:
    """The layers before the class maps, and whether it replaces an unpublished network."""

    layers: tuple[Conv, ...]
    surrogate: bool = False


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "all_cnn_c": Architecture(
            (
                Conv(96), Conv(96), Conv(96, stride=2),
                Conv(192), Conv(192), Conv(192, stride=2),
                Conv(192, padding="VALID"), Conv(192, window=1),
            )
        ),
        # All-CNN-C without one 3 × 3 layer in each block, the shape of Springenberg's All-CNN-A
        "all_cnn_7": Architecture(
            (
                Conv(96), Conv(96, stride=2),
                Conv(192), Conv(192, stride=2),
                Conv(192, padding="VALID"), Conv(192, window=1),
            ),
            surrogate=True,
        ),
        # large kernels first, in the manner of the second network of the preprint
        "all_cnn_7b": Architecture(
            (
                Conv(96, window=7, stride=2), Conv(128, window=5, stride=2),
                Conv(256), Conv(512), Conv(512, stride=2), Conv(1024, window=1),
            ),
            surrogate=True,
        ),
    }
)  # fmt: skip


class AllCNN(ConvNet):
    """Convolutions with ReLU, then the mean of each class map over space.

    In the paper the third-last layer has "VALID" padding; inputs too small for its window (8 × 8
    digits) get "SAME" (ours).
    """

    def __init__(
        self,
        architecture: Architecture,
        config: ModelConfig,
        image_shape: tuple[int, int, int],
        n_categories: int,
        convolution: Callable[..., nnx.Conv],
    ):
        height, wide, channels = image_shape
        convolutions = []
        for spec in (*architecture.layers, Conv(n_categories, window=1)):
            is_last = len(convolutions) == len(architecture.layers)
            out = spec.channels if is_last else scaled_channels(spec.channels, config.width)
            fits = config.valid_padding and min(height, wide) >= spec.window
            padding = spec.padding if fits else "SAME"
            convolutions.append(
                convolution(
                    channels,
                    out,
                    (spec.window, spec.window),
                    strides=spec.stride,
                    padding=padding,
                    kernel_init=nnx.initializers.he_normal(),
                )
            )
            channels = out
            height, wide = (map_size(n, spec, padding) for n in (height, wide))
        self.convolutions = nnx.List(convolutions)
        self.last_relu, self.dropout_after = config.last_relu, config.dropout_after

    def layer(
        self, index: int, x: Float[Array, "stimulus h w c"], dropout: Dropout | None = None
    ) -> Array:
        """Recorded activations of layer `index` (after its ReLU), from those before it."""
        if dropout is not None and index == 0 and self.dropout_after == "input_and_strided":
            x = drop_out(x, dropout, len(self.convolutions))
        convolution = self.convolutions[index]
        x = convolution(x)
        is_last = index == len(self.convolutions) - 1
        if not is_last or self.last_relu:
            x = jax.nn.relu(x)
        drops = not is_last if self.dropout_after == "all" else convolution.strides != 1
        return drop_out(x, dropout, index) if dropout is not None and drops else x

"""AlexNet as TF-slim's `alexnet_v2` has it (Krizhevsky 2014, without local normalisation).

Five convolutions and a classifier of three more: 50,303,912 parameters for 1000 categories. The
recorded activations of a layer are the output of its ReLU (fc8 has none), before the pooling and
dropout that lead to the next layer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.models.convnet import Conv, ConvNet, map_size, scaled_channels
from ensemble_rsa.models.dropout import Dropout, drop_out

SMALLEST_EXACT = 195  # pixels: on smaller images some windows do not fit
_POOL, _POOL_STRIDE = 3, 2


@dataclass(frozen=True)
class Layer(Conv):
    """A convolution, and whether its input is pooled or dropped out."""

    pooled: bool = False
    dropped: bool = False
    classifies: bool = False


LAYERS = MappingProxyType(
    {
        "conv1": Layer(64, window=11, stride=4, padding="VALID"),
        "conv2": Layer(192, window=5, pooled=True),
        "conv3": Layer(384, pooled=True),
        "conv4": Layer(384),
        "conv5": Layer(256),
        "fc6": Layer(4096, window=5, padding="VALID", pooled=True, classifies=True),
        "fc7": Layer(4096, window=1, dropped=True, classifies=True),
        "fc8": Layer(0, window=1, dropped=True, classifies=True),  # as many as categories
    }
)


class AlexNet(ConvNet):
    """`LAYERS`, then the mean of each category's map over space, which is 1 × 1 at 224 pixels.

    With images of fewer than `SMALLEST_EXACT` pixels some maps are smaller than the next window or
    pool, which then has "SAME" padding instead of "VALID", with the same parameters (ours).
    """

    def __init__(
        self,
        config: ModelConfig,
        image_shape: tuple[int, int, int],
        n_categories: int,
        convolution: Callable[..., nnx.Conv],
    ):
        height, wide, channels = image_shape
        convolutions = []
        # truncated at two standard deviations as in TensorFlow; a wider distribution for narrower
        # layers keeps the size of activations (ours)
        narrow = nnx.initializers.truncated_normal(0.005 / math.sqrt(config.width))
        for name, spec in LAYERS.items():
            if spec.pooled:
                height, wide = (_pooled_size(n, min(height, wide)) for n in (height, wide))
            padding = spec.padding if min(height, wide) >= spec.window else "SAME"
            is_last = name == "fc8"
            out = n_categories if is_last else scaled_channels(spec.channels, config.width)
            convolutions.append(
                convolution(
                    channels,
                    out,
                    (spec.window, spec.window),
                    strides=spec.stride,
                    padding=padding,
                    kernel_init=narrow if spec.classifies else nnx.initializers.xavier_uniform(),
                    bias_init=nnx.initializers.constant(0.0 if is_last else 0.1),
                )
            )
            channels = out
            height, wide = (map_size(n, spec, padding) for n in (height, wide))
        self.convolutions = nnx.List(convolutions)

    def layer(
        self, index: int, x: Float[Array, "stimulus h w c"], dropout: Dropout | None = None
    ) -> Array:
        """Recorded activations of layer `index`, from those of the layer before it."""
        spec = tuple(LAYERS.values())[index]
        if spec.pooled:
            x = pooled(x)
        if spec.dropped and dropout is not None:
            x = drop_out(x, dropout, index)
        x = self.convolutions[index](x)
        return x if index == len(LAYERS) - 1 else jax.nn.relu(x)


def pooled(x: Float[Array, "stimulus h w c"]) -> Float[Array, "stimulus _h _w c"]:
    """Maximum over 3 × 3 windows with stride 2; without padding if a window fits.

    Computed from nine shifted slices, whose gradient on a CPU takes a fifth to a third of the time
    that the gradient of `lax.reduce_window` takes.

    >>> pooled(jnp.arange(25.0).reshape(1, 5, 5, 1)).ravel().tolist()
    [12.0, 14.0, 22.0, 24.0]
    """
    size = x.shape[1:3]
    padding = "VALID" if min(size) >= _POOL else "SAME"
    pads = lax.padtype_to_pads(size, (_POOL, _POOL), (_POOL_STRIDE, _POOL_STRIDE), padding)
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-jnp.inf)
    rows, columns = (1 + (n - _POOL) // _POOL_STRIDE * _POOL_STRIDE for n in x.shape[1:3])
    shifted = [
        x[:, i : i + rows : _POOL_STRIDE, j : j + columns : _POOL_STRIDE]
        for i in range(_POOL)
        for j in range(_POOL)
    ]
    return reduce(jnp.maximum, shifted)


def _pooled_size(size: int, shorter: int) -> int:
    lost = _POOL - 1 if shorter >= _POOL else 0
    return -(-(size - lost) // _POOL_STRIDE)

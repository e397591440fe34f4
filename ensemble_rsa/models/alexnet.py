"""AlexNet as TF-slim's `alexnet_v2` has it (Krizhevsky 2014, without local normalisation).

Five convolutions, then three layers of a classifier that are convolutions too: 50,303,912
parameters for 1000 categories. What a layer is recorded as is its ReLU's output (fc8's is linear);
pooling and dropout belong to the way to the next layer, so that neither is in what is recorded.
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
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ensemble_rsa.models.all_cnn import Conv, map_size, scaled_channels
from ensemble_rsa.models.dropout import Dropout, drop_out

SMALLEST_EXACT = 195  # pixels: on smaller images some windows do not fit
_POOL, _POOL_STRIDE = 3, 2


@dataclass(frozen=True)
class Layer(Conv):
    """A convolution, and what is done to the maps on their way here."""

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


class AlexNet(nnx.Module):
    """`LAYERS`, then the mean of each category's map over space, which is 1 × 1 at 224 pixels.

    Images below `SMALLEST_EXACT` pixels leave maps that some window or pool does not fit; these
    then go "SAME" instead of "VALID", with the same parameters. That fallback is ours.

    Args:
        image_shape: (height, width, channel) of an image.
        n_categories: how many category maps.
        width: factor on the number of channels, of fc6 and fc7 too (1.0 is the original's).
        convolution: the way convolutions are computed, one of `CONVOLUTIONS`.
        dtype: of the arithmetic; parameters are float32.
        rngs: the stream "params" gives every layer a key of its own.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_categories: int,
        width: float,
        convolution: Callable,
        dtype: DTypeLike,
        rngs: nnx.Rngs,
    ):
        height, wide, channels = image_shape
        convolutions, narrow = [], _narrow(width)
        for name, spec in LAYERS.items():
            if spec.pooled:
                height, wide = (_pooled_size(n, min(height, wide)) for n in (height, wide))
            padding = spec.padding if min(height, wide) >= spec.window else "SAME"
            is_last = name == "fc8"
            out = n_categories if is_last else scaled_channels(spec.channels, width)
            convolutions.append(
                nnx.Conv(
                    channels,
                    out,
                    (spec.window, spec.window),
                    strides=spec.stride,
                    padding=padding,
                    kernel_init=narrow if spec.classifies else nnx.initializers.xavier_uniform(),
                    bias_init=nnx.initializers.constant(0.0 if is_last else 0.1),
                    conv_general_dilated=convolution,
                    dtype=dtype,
                    rngs=rngs,
                )
            )
            channels = out
            height, wide = (map_size(n, spec, padding) for n in (height, wide))
        self.convolutions = nnx.List(convolutions)

    def layer(
        self, index: int, x: Float[Array, "stimulus h w c"], dropout: Dropout | None = None
    ) -> Array:
        """What layer `index` makes of the maps recorded before it: what is recorded here."""
        spec = tuple(LAYERS.values())[index]
        if spec.pooled:
            x = pooled(x)
        if spec.dropped and dropout is not None:
            x = drop_out(x, dropout, index)
        x = self.convolutions[index](x)
        return x if index == len(LAYERS) - 1 else jax.nn.relu(x)

    def __call__(
        self, images: Float[Array, "stimulus h w c"], dropout: Dropout | None = None
    ) -> Float[Array, "stimulus category"]:
        """Logits: network outputs before the softmax."""
        for index in range(len(self.convolutions)):
            images = self.layer(index, images, dropout)
        return images.astype(jnp.float32).mean(axis=(1, 2))


def _narrow(width: float) -> jax.nn.initializers.Initializer:
    """Cut at two standard deviations, as TensorFlow's.

    A narrower layer adds up fewer inputs, and would hand on less and less: ours for widths but 1.
    """
    return nnx.initializers.truncated_normal(0.005 / math.sqrt(width))


def pooled(x: Float[Array, "stimulus h w c"]) -> Float[Array, "stimulus _h _w c"]:
    """The largest value of each 3 × 3 window, two apart; without padding where one fits.

    As nine shifted slices: on a CPU their gradient takes a fifth to a third of the time of that of
    a reduced window.

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

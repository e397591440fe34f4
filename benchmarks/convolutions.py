"""Processor time of convolutions for each layer of All-CNN-C: forward pass and both gradients.

Run `python benchmarks/convolutions.py --layers 2 5 --batch 32`. Each implementation runs on one
thread; the smallest processor time of `--repeats` calls is printed in milliseconds, which depends
little on other work on the machine. PyTorch (channels last) is included if it is installed. The
last column is the largest deviation from `plain_gradients`, relative to the largest value.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax

from ensemble_rsa.device import device_name
from ensemble_rsa.models.convolution import CONVOLUTIONS, NHWC
from ensemble_rsa.models.execution import OLD_CPU_CONVOLUTIONS

IMPLEMENTATIONS = ("plain_gradients", "winograd", "patches")


class Layer(NamedTuple):
    size: int
    channels: int
    out: int
    stride: int
    padding: str


LAYERS = {
    1: Layer(32, 3, 96, 1, "SAME"),
    2: Layer(32, 96, 96, 1, "SAME"),
    3: Layer(32, 96, 96, 2, "SAME"),
    4: Layer(16, 96, 192, 1, "SAME"),
    5: Layer(16, 192, 192, 1, "SAME"),
    6: Layer(16, 192, 192, 2, "SAME"),
    7: Layer(8, 192, 192, 1, "VALID"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--newer", action="store_true", help="use the CPU convolutions new in jaxlib 0.10"
    )
    options = parser.parse_args()
    compiler = {"xla_cpu_multi_thread_eigen": False}
    if not options.newer:
        compiler |= OLD_CPU_CONVOLUTIONS
    print(f"{device_name()}, jax {jax.__version__}, one thread, {options}")
    print(
        f"{'layer':6s}{'implementation':18s}{'forward':>9s}{'input':>9s}{'kernel':>9s}{'deviation':>11s}"
    )
    for number in options.layers:
        layer = LAYERS[number]
        if find_spec("torch"):
            _print(number, "PyTorch", _pytorch(layer, options.batch, options.repeats))
        expected = None
        for name in IMPLEMENTATIONS:
            seconds, results = _ours(name, layer, options.batch, options.repeats, compiler)
            expected = expected or results
            deviation = max(
                float(np.abs(a - b).max() / np.abs(b).max())
                for a, b in zip(results, expected, strict=True)
            )
            _print(number, name, seconds, f"{deviation:11.0e}")


def _ours(name: str, layer: Layer, batch: int, repeats: int, compiler: dict[str, Any]):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, layer.size, layer.size, layer.channels)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, layer.channels, layer.out)).astype(np.float32)

    def convolve(x, kernel):
        strides = (layer.stride, layer.stride)
        return CONVOLUTIONS[name](x, kernel, strides, layer.padding, dimension_numbers=NHWC)

    shape = jax.eval_shape(convolve, x, kernel).shape
    dy = rng.normal(size=shape).astype(np.float32)
    operands = jax.device_put((x, kernel, dy))
    directions = (
        lambda x, kernel, dy: convolve(x, kernel),
        lambda x, kernel, dy: jax.vjp(lambda x: convolve(x, kernel), x)[1](dy)[0],
        lambda x, kernel, dy: jax.vjp(lambda kernel: convolve(x, kernel), kernel)[1](dy)[0],
    )

    def in_a_loop(direction):
        # as in training: XLA optimises some convolutions only outside of loops
        def run(x, kernel, dy):
            return lax.map(lambda kernel: direction(x, kernel, dy), kernel[None])[0]

        return jax.jit(run, compiler_options=compiler)

    functions = [in_a_loop(direction) for direction in directions]
    results = [np.asarray(f(*operands)) for f in functions]
    seconds = [
        _least_time(lambda f=f: jax.block_until_ready(f(*operands)), repeats) for f in functions
    ]
    return seconds, results


def _pytorch(layer: Layer, batch: int, repeats: int) -> list[float]:
    import torch

    torch.set_num_threads(1)
    pad = 1 if layer.padding == "SAME" else 0
    x = torch.randn(batch, layer.channels, layer.size, layer.size)
    x = x.to(memory_format=torch.channels_last)
    kernel = torch.randn(layer.out, layer.channels, 3, 3).to(memory_format=torch.channels_last)
    strides, pads = [layer.stride] * 2, [pad] * 2
    dy = torch.randn_like(torch.nn.functional.conv2d(x, kernel, None, strides, pads))

    def backward(*wanted: bool):
        return torch.ops.aten.convolution_backward(
            dy, x, kernel, [0], strides, pads, [1, 1], False, [0, 0], 1, wanted
        )

    functions = (
        lambda: torch.nn.functional.conv2d(x, kernel, None, strides, pads),
        lambda: backward(True, False, False),
        lambda: backward(False, True, False),
    )
    return [_least_time(function, repeats) for function in functions]


def _least_time(function: Callable[[], Any], repeats: int) -> float:
    function()
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        function()
        taken.append(time.process_time() - began)
    return min(taken)


def _print(number: int, name: str, seconds: list[float], note: str = "") -> None:
    columns = "".join(f"{1e3 * s:9.1f}" for s in seconds)
    print(f"{number:<6d}{name:18s}{columns}{note}", flush=True)


if __name__ == "__main__":
    main()

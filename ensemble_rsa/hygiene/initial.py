"""Whether weights are those that an initialiser draws: signs of a network that was never trained.

The rules are ours. Training moves the mean, the spread or the tails of some tensor, and nearly
always a bias or the scale of a normalisation, so only a network whose tensors all look drawn counts
as untrained. Where an initialiser is not among the known ones, nothing is found.
"""

import math
from collections.abc import Iterator, Mapping

from ensemble_rsa.hygiene.tensors import TensorSketch

# Names of PyTorch, Keras and Flax; a suffix, and the value that it starts with.
BATCH_STATISTICS = {
    "running_mean": 0.0,
    "running_var": 1.0,
    "moving_mean": 0.0,
    "moving_variance": 1.0,
    "mean": 0.0,
    "var": 1.0,
}
UNIFORM, NORMAL, TRUNCATED = 1.8, 3.0, 2.366  # kurtosis; the normal one is cut at 2 deviations
CUT = 2 / 0.87962566103423978  # of a cut normal distribution, in its own standard deviations
# With five standard errors, less than one in 10^5 networks that are untrained is missed for any one
# of its tensors; for 10^5 weights it stands for 1 % of the spread.
STANDARD_ERRORS = 5.0
# Below these, the weights of a small trained network could look drawn by chance.
FEWEST_VALUES, FEWEST_IN_ALL = 256, 5000
DEEPEST = 48  # blocks of a transformer
# Kernels whose output channels come last, as in Flax and Keras; PyTorch has them first.
_OUTPUTS_LAST = ("kernel", "embeddings")


def statistics_at_start(sketches: Mapping[str, TensorSketch]) -> tuple[list[str], int]:
    """Return the batch-norm statistics that still have their first values, and how many there are.

    The variance of no layer is exactly 1 once images were seen, so equality is enough.
    """
    start = {name: _first_value(name) for name in sketches}
    statistics = [name for name, value in start.items() if value is not None]
    same = [
        name
        for name in statistics
        if sketches[name].is_constant and sketches[name].mean == start[name]
    ]
    return same, len(statistics)


def all_look_drawn(sketches: Mapping[str, TensorSketch]) -> bool:
    """Whether every weight, bias and scale could come from a usual initialiser.

    Matrices and kernels must have the mean, spread, kurtosis and range of one; every other
    parameter must be constant, as scales and most biases begin, or a bias within PyTorch's first
    range. At least 5000 weights are needed.
    """
    n_weights = 0
    for name, tensor in sketches.items():
        if _first_value(name) is not None or tensor.is_constant:
            continue
        if len(tensor.shape) < 2:
            if not _is_first_bias(name, tensor, sketches):
                return False
        elif tensor.size >= FEWEST_VALUES:
            n_weights += tensor.size
            if not any(_is_drawn(tensor, *draw) for draw in _initialisers(name, tensor.shape)):
                return False
    return n_weights >= FEWEST_IN_ALL


def _first_value(name: str) -> float | None:
    return BATCH_STATISTICS.get(name.replace("/", ".").rpartition(".")[2])


def _is_first_bias(name: str, tensor: TensorSketch, sketches: Mapping[str, TensorSketch]) -> bool:
    """Whether a bias is within 1/√(inputs), between which PyTorch draws it."""
    kernel = sketches.get(name.removesuffix("bias") + "weight")
    if not name.endswith("bias") or kernel is None or len(kernel.shape) < 2:
        return False
    return tensor.largest <= 1 / math.sqrt(_fans(name, kernel.shape)[0])


def _fans(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of inputs and of outputs of a kernel, each times the size of the window.

    >>> _fans("conv.weight", (64, 3, 7, 7)), _fans("conv.kernel", (7, 7, 3, 64))
    ((147, 3136), (147, 3136))
    """
    outputs_last = name.endswith(_OUTPUTS_LAST)
    *window, inputs, outputs = shape if outputs_last else (*shape[2:], shape[1], shape[0])
    area = math.prod(window)
    return inputs * area, outputs * area


def _initialisers(name: str, shape: tuple[int, ...]) -> Iterator[tuple[float, float]]:
    """Yield spread and kurtosis of the initialisers in use.

    PyTorch's default (uniform, 1/√(3 inputs)), and by outputs; He and Glorot, normal, cut or
    uniform; LeCun; the fixed spreads 0.01, 0.02 (transformers), 2e-5 (heads of BEiT), 1e-6 (class
    tokens) and 1 (embeddings); and 0.02/√(2 depth), with the depth of a block (BEiT) or of the
    network (GPT-2).
    """
    fans = [_fans(name, shape)]
    if len(shape) == 3:  # attention: an axis of inputs, one of heads, and one of their outputs
        fans.append((shape[0], shape[1] * shape[2]))
    for inputs, outputs in fans:
        yield 1 / math.sqrt(3 * inputs), UNIFORM
        yield 1 / math.sqrt(3 * outputs), UNIFORM
        he, he_out, glorot = 2 / inputs, 2 / outputs, 2 / (inputs + outputs)
        for variance in (he, he_out, glorot, 1 / inputs):
            for kurtosis in (UNIFORM, NORMAL, TRUNCATED):
                yield math.sqrt(variance), kurtosis
    for spread in (0.01, 0.02, 2e-5, 1e-6, 1.0):
        yield spread, NORMAL
    for depth in range(1, DEEPEST + 1):
        yield 0.02 / math.sqrt(2 * depth), NORMAL


def _is_drawn(tensor: TensorSketch, spread: float, kurtosis: float) -> bool:
    """Whether a tensor has the moments of a distribution, within their standard errors."""
    n = tensor.n_values
    if abs(tensor.mean) > STANDARD_ERRORS * spread / math.sqrt(n):
        return False
    if abs(tensor.spread / spread - 1) > STANDARD_ERRORS * math.sqrt((kurtosis - 1) / (4 * n)):
        return False
    # the standard error for a normal distribution, which is the largest of the three
    if abs(tensor.kurtosis - kurtosis) > STANDARD_ERRORS * math.sqrt(24 / n):
        return False
    limit = {UNIFORM: math.sqrt(3), TRUNCATED: CUT}.get(kurtosis, math.inf)
    return tensor.largest <= limit * spread * (1 + 1e-4)

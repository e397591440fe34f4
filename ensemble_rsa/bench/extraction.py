"""The benchmark of extraction: RDMs of a PyTorch network, beside its bare forward passes.

The reference shows the same batches to the network without hooks, and computes the same RDMs from
activations that are in memory already.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ensemble_rsa.bench.case import OURS, Case, Prepared, Size, Way
from ensemble_rsa.bench.inputs import labels_of
from ensemble_rsa.bench.measure import Patience, one_line
from ensemble_rsa.bench.run import Bench, Progress, measure_all
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.networks.source import from_networks
from ensemble_rsa.interop.optional import optional_import
from ensemble_rsa.pipeline.extract import extract

BARE = "PyTorch, forward passes and RDMs"
LAYERS = ("layer1", "layer2", "layer3", "layer4")
BATCH_SIZE = 64
SIZES: dict[str, list[Size]] = {
    "quick": [{"stimuli": 128, "side": 64}],
    "default": [{"stimuli": 256, "side": 224}, {"stimuli": 1000, "side": 224}],
    "full": [{"stimuli": n, "side": 224} for n in (256, 1000, 3000)],
    "toy": [{"stimuli": 6, "side": 32}],
}
PATIENCE = {
    "quick": Patience(repeats=3, seconds=5.0),
    "default": Patience(repeats=3, seconds=60.0),
    "full": Patience(repeats=3, seconds=200.0),
    "toy": Patience(repeats=1),
}


def bench_extraction(scale: str = "default", progress: Progress = lambda *state: None) -> Bench:
    """Measure extraction from a ResNet18 of torchvision; `scale` is a name of `SIZES`."""
    cases = [
        Case("extraction from ResNet18", size, partial(_prepare, size), BARE, size["stimuli"] * 1.0)
        for size in SIZES[scale]
    ]
    return measure_all("extract", scale, cases, PATIENCE[scale], progress)


def _prepare(size: Size) -> Prepared:
    n, side = int(size["stimuli"]), int(size["side"])
    try:
        torch = optional_import("torch", "torch", "this benchmark")
        torchvision = optional_import("torchvision", "torch", "this benchmark")
    except InputError as error:
        return {OURS: one_line(error), BARE: one_line(error)}, None
    torch.manual_seed(0)
    network = torchvision.models.resnet18().eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((n, 3, side, side), generator=generator)
    labels = labels_of(n)
    ours = partial(extraction, network, images, labels)
    (source,) = [from_networks([network], images, LAYERS, labels, BATCH_SIZE)]
    stored = {name: np.asarray(values)[None] for name, values in source.activations(0)}
    bare = partial(forward_and_rdms, torch, network, images, stored, labels)
    # the first call of each also allocates, so later ones are what counts
    return {OURS: Way(ours, compiles=True), BARE: Way(bare, compiles=True)}, None


def extraction(network: Any, images: Any, labels: Sequence[Any] | np.ndarray) -> Any:
    """RDMs of four layers of a network."""
    return extract(from_networks([network], images, LAYERS, labels, BATCH_SIZE))


def forward_and_rdms(
    torch: Any,
    network: Callable[[Any], Any],
    images: Any,
    stored: Mapping[str, np.ndarray],
    labels: Sequence[Any] | np.ndarray,
) -> Any:
    """Forward passes of all images, whose results are dropped, and RDMs of stored activations."""
    with torch.no_grad():
        for batch in images.split(BATCH_SIZE):
            network(batch)
    return extract(stored, labels)

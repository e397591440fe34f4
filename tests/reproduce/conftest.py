"""Made-up stacks of RDMs, and workspaces in which nothing has been computed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from scipy.spatial.distance import pdist, squareform

PAIRS = [(i, j) for i in range(3) for j in range(3) if i != j]  # of three instances


def shared_variance(first: np.ndarray, second: np.ndarray) -> float:
    """r² in NumPy and float64."""
    return np.corrcoef(np.float64(first), np.float64(second))[0, 1] ** 2


def consistencies(rdms: np.ndarray) -> np.ndarray:
    """r² of every two instances of `(instance, pair)`, in NumPy and float64."""
    return np.corrcoef(np.float64(rdms))[np.triu_indices(len(rdms), 1)] ** 2


def by_quantity(findings: Sequence) -> dict:
    """Findings by what they measure."""
    return {one.quantity: one for one in findings}


def printed(figure: str) -> set[str]:
    """What the paper prints a number for in this figure."""
    from ensemble_rsa.reproduce.paper import NUMBERS

    return {quantity for name, quantity in NUMBERS if name == figure}


def lines_of(axes: Axes) -> dict[str, np.ndarray]:
    """The heights of solid lines, by their labels."""
    return {l.get_label(): l.get_ydata() for l in axes.lines if l.get_linestyle() == "-"}


def stack_of(
    layers: Sequence[str],
    seeds: Sequence[int],
    exemplar: np.ndarray,
    centroid: np.ndarray | None = None,
    labels: Sequence[str] = "xxyyzz",
    **attrs: object,
) -> xr.Dataset:
    """RDMs `(layer, instance, pair)` as `extract` returns them."""
    kinds = {"exemplar": (("layer", "instance", "stimulus_pair"), exemplar)}
    if centroid is not None:
        kinds["centroid"] = (("layer", "instance", "category_pair"), centroid)
    return xr.Dataset(
        kinds,
        coords={
            "layer": list(layers),
            "instance": np.arange(len(seeds)),
            "seed": ("instance", list(seeds)),
            "stimulus": [f"test_{i}" for i in range(len(labels))],
            "category": ("stimulus", list(labels)),
        },
        attrs={"distance": "correlation", "model": "all_cnn_c", "surrogate": 0, **attrs},
    )


def build_stack(
    layers: Sequence[str],
    seeds: Sequence[int],
    seed: int = 0,
    labels: Sequence[str] = "xxxyyy",
    noise: Sequence[float] | None = None,
    **attrs: object,
) -> xr.Dataset:
    """RDMs that all instances share, plus noise that grows with depth unless given."""
    rng = np.random.default_rng(seed)
    n_pairs = len(labels) * (len(labels) - 1) // 2
    noise = np.linspace(0.05, 0.8, len(layers)) if noise is None else np.asarray(noise)
    shared = rng.random((len(layers), 1, n_pairs))
    exemplar = shared + noise[:, None, None] * rng.random((len(layers), len(seeds), n_pairs))
    return stack_of(layers, seeds, exemplar.astype(np.float32), labels=labels, **attrs)


@pytest.fixture(scope="session")
def make_work() -> Callable:
    """A workspace at scale smoke, with some settings of the analysis or of the scale changed."""
    from ensemble_rsa.reproduce.scales import make_scale
    from ensemble_rsa.reproduce.workspace import Workspace

    def make(root: Path = Path(), n_resamples: int = 100, **settings: object) -> Workspace:
        scale = make_scale("smoke")
        analysis = scale.analysis.replace(n_resamples=n_resamples)
        return Workspace(root, replace(scale, analysis=analysis, **settings))

    return make


@pytest.fixture(scope="session")
def quick_mds() -> Callable:
    """Random points and their true stress, in place of `mds`, which takes seconds to compile."""
    from ensemble_rsa.analysis.mds import Mds

    def mds(rdm: np.ndarray, seed: int) -> Mds:
        wanted = np.stack([squareform(each) for each in rdm.reshape(-1, rdm.shape[-1])])
        points = np.random.default_rng(seed).random((*wanted.shape[:2], 2))
        error = (wanted - np.stack([squareform(pdist(each)) for each in points])) ** 2
        pointwise = np.sqrt(error.sum(1) / (wanted**2).sum(1))
        stress = np.sqrt(error.sum((1, 2)) / (wanted**2).sum((1, 2)))
        leading = rdm.shape[:-1]
        parts = (
            np.reshape(p, (*leading, *p.shape[1:])) for p in (points, stress, stress, pointwise)
        )
        return Mds(*parts, np.ones(leading, int))

    return mds

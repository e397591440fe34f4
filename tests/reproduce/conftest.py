"""Made-up stacks of RDMs, and workspaces in which nothing has been computed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform


def shared_variance(first: np.ndarray, second: np.ndarray) -> float:
    """r² in NumPy and float64."""
    return np.corrcoef(np.float64(first), np.float64(second))[0, 1] ** 2


def build_stack(
    layers: Sequence[str],
    seeds: Sequence[int],
    seed: int = 0,
    n_stimuli: int = 6,
    noise: Sequence[float] | None = None,
    **attrs: object,
) -> xr.Dataset:
    """RDMs that all instances share, plus noise that grows with depth unless given."""
    rng = np.random.default_rng(seed)
    n_pairs = n_stimuli * (n_stimuli - 1) // 2
    noise = np.linspace(0.05, 0.8, len(layers)) if noise is None else np.asarray(noise)
    shared = rng.random((len(layers), 1, n_pairs))
    exemplar = shared + noise[:, None, None] * rng.random((len(layers), len(seeds), n_pairs))
    return xr.Dataset(
        {"exemplar": (("layer", "instance", "stimulus_pair"), exemplar.astype(np.float32))},
        coords={
            "layer": list(layers),
            "instance": np.arange(len(seeds)),
            "seed": ("instance", list(seeds)),
            "stimulus": [f"test_{i}" for i in range(n_stimuli)],
            "category": ("stimulus", np.repeat(["cat", "dog"], [3, n_stimuli - 3])),
        },
        attrs={"distance": "correlation", "model": "all_cnn_c", "surrogate": 0, **attrs},
    )


@pytest.fixture(scope="session")
def make_stack() -> Callable[..., xr.Dataset]:
    return build_stack


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
    """Classical scaling in place of `mds`, which takes seconds to compile."""
    from ensemble_rsa.analysis.mds import Mds

    def place(rdm: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        square = squareform(np.asarray(rdm, np.float64))
        centring = np.eye(len(square)) - 1 / len(square)
        sizes, axes = np.linalg.eigh(-centring @ square**2 @ centring / 2)
        points = axes[:, -2:] * np.sqrt(np.maximum(sizes[-2:], 0))
        error = (square - squareform(pdist(points))) ** 2
        size = square**2
        return points, np.sqrt(error.sum() / size.sum()), np.sqrt(error.sum(0) / size.sum(0))

    def mds(rdm: np.ndarray, seed: int) -> Mds:
        leading = rdm.shape[:-1]
        solved = [place(each) for each in rdm.reshape(-1, rdm.shape[-1])]
        embedding, stress, pointwise = (
            np.reshape(part, (*leading, *np.shape(part[0]))) for part in zip(*solved, strict=True)
        )
        return Mds(embedding, stress, pointwise, np.ones(leading, int))

    return mds

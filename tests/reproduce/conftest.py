"""Made-up stacks of RDMs, as `rdms` hands them to experiments, and where these ask for them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform


def build_stack(
    layers: Sequence[str],
    seeds: Sequence[int],
    seed: int = 0,
    n_stimuli: int = 6,
    noise: Sequence[float] | None = None,
    **attrs: object,
) -> xr.Dataset:
    """What all instances share plus noise, which grows with depth unless told."""
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
        attrs={
            "distance": "correlation", "model": "all_cnn_c", "dataset": "digits", "surrogate": 0,
            **attrs,
        },
    )  # fmt: skip


@pytest.fixture
def make_stack() -> Callable[..., xr.Dataset]:
    return build_stack


@pytest.fixture
def make_work() -> Callable:
    """A workspace with these settings in which nothing has been made."""
    from ensemble_rsa.reproduce.scales import make_scale
    from ensemble_rsa.reproduce.workspace import Workspace

    return lambda **settings: Workspace(Path(), replace(make_scale("smoke"), **settings))


@pytest.fixture
def quick_mds() -> Callable:
    """In place of `mds`, which takes seconds to compile: classical scaling, one RDM at a time."""
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

"""Made-up stacks of RDMs, as `rdms` hands them to experiments, and where these ask for them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr


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

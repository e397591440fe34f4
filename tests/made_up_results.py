"""Made-up results and histories of any size, in the form that `analyze` and `train` hand on."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

KINDS = ["exemplar", "centroid", "within_category"]


def build_results(
    n_layers: int = 9,
    n_instances: int = 10,
    n_categories: int = 10,
    n_stimuli: int = 60,
    layers: list[str] | None = None,
    categories: list[str] | None = None,
    first: float = 0.98,
    last: float = 0.44,
    n_shown: int = 2,
    **attrs: object,
) -> xr.Dataset:
    """Exemplar consistency goes straight from `first` to `last`; ± 0.012 (pairs), 0.024.

    One pair of instances has no interval, as in `ensemble_rsa.pipeline.results`.
    """
    rng = np.random.default_rng(5)
    layers = layers or [f"conv{i + 1}" for i in range(n_layers)]
    categories = categories or [f"category {c:02d}" for c in range(n_categories)]
    n_layers = len(layers)
    n_pairs = n_instances * (n_instances - 1) // 2
    depth = np.linspace(0, 1, n_layers)
    means = np.stack([first + (last - first) * depth * share for share in (1.0, 0.2, 0.9)])
    first_of_pair, second_of_pair = np.triu_indices(n_instances, 1)
    noise = rng.normal(size=(len(KINDS), n_layers, n_pairs))
    noise -= noise.mean(axis=-1, keepdims=True)
    consistency = np.clip(means[..., None] + (0.01 + 0.03 * depth[:, None]) * noise, 0, 1)
    half = np.stack([np.full(means.shape, 0.012), np.full(means.shape, 0.024)])
    half[:] = half if n_pairs > 1 else np.nan
    index = 0.05 + 0.4 * depth[:, None] + 0.02 * rng.normal(size=(n_layers, n_instances))
    labels = np.sort(np.resize(categories, n_stimuli))
    embedding = rng.normal(size=(n_shown, n_layers, n_stimuli, 2))
    second = np.cumsum(rng.normal(size=(n_layers, n_instances, 2)), axis=0) * 0.1
    distance = np.linalg.norm(second[:, :, None, None] - second, axis=-1)
    return xr.Dataset(
        {
            "consistency": (("kind", "layer", "instance_pair"), consistency),
            "consistency_mean": (("kind", "layer"), consistency.mean(axis=-1)),
            "consistency_low": (("bootstrap", "kind", "layer"), means - half),
            "consistency_high": (("bootstrap", "kind", "layer"), means + half),
            "category_clustering_index": (("layer", "instance"), index),
            "category_clustering_index_mean": ("layer", index.mean(axis=1)),
            "category_clustering_index_low": ("layer", index.mean(axis=1) - 0.02),
            "category_clustering_index_high": ("layer", index.mean(axis=1) + 0.02),
            "second_level_distance": (("layer", "instance", "layer_b", "instance_b"), distance),
            "second_level_embedding": (("layer", "instance", "component"), second),
            "second_level_stress": ((), 0.123),
            "embedding": (("shown", "layer", "stimulus", "component"), embedding),
            "embedding_stress": (("shown", "layer"), rng.uniform(0.1, 0.4, (n_shown, n_layers))),
            "constant_patterns": (("layer", "instance"), np.zeros((n_layers, n_instances), int)),
            "test_accuracy": (("instance",), np.linspace(0.95, 0.97, n_instances)),
            "train_accuracy": (("instance",), np.linspace(0.99, 1.0, n_instances)),
        },
        coords={
            "layer": layers,
            "instance": np.arange(n_instances),
            "seed": ("instance", np.arange(n_instances)),
            "kind": KINDS,
            "bootstrap": ["pairs", "instances"],
            "pair_first": ("instance_pair", first_of_pair),
            "pair_second": ("instance_pair", second_of_pair),
            "stimulus": [f"test_{i:05d}" for i in range(n_stimuli)],
            "category": ("stimulus", labels),
            "shown": np.arange(n_shown),
        },
        attrs={
            "distance": "correlation",
            "confidence": 0.95,
            "n_resamples": 10_000,
            "n_stimuli": n_stimuli,
            "n_categories": len(categories),
            "within_category": "pooled",
            "interval_over_instances": "jackknife",
            "model": "all_cnn_c",
            "dataset": "digits",
            "surrogate": 0,
            "scale": "width 0.25, 10 epochs, 1000 images",
            **attrs,
        },
    )  # fmt: skip


def build_history(n_instances: int = 10, n_epochs: int = 12, dead: int | None = None) -> xr.Dataset:
    """Losses halve every epoch; tests are every third epoch; a dead instance stays at chance."""
    rng = np.random.default_rng(6)
    epochs = np.arange(1, n_epochs + 1)
    speed = 1 + 0.1 * rng.random(n_instances)
    loss = 2.3 * 0.5 ** (epochs[:, None] * speed)
    accuracy = 1 - 0.9 * loss / 2.3
    if dead is not None:
        loss[:, dead], accuracy[:, dead] = 2.3, 0.1
    test = np.where(epochs[:, None] % 3 == 0, accuracy - 0.02, np.nan)
    curves = {"train_loss": loss, "train_accuracy": accuracy, "test_accuracy": test}
    instances = np.arange(n_instances)
    return xr.Dataset(
        {name: (("epoch", "instance"), values) for name, values in curves.items()},
        coords={"epoch": epochs, "instance": instances, "seed": ("instance", instances)},
    )


@pytest.fixture
def make_results() -> Callable[..., xr.Dataset]:
    return build_results


@pytest.fixture
def make_history() -> Callable[..., xr.Dataset]:
    return build_history


@pytest.fixture
def foreign_results() -> xr.Dataset:
    """Activations from elsewhere and without categories: everything optional is missing."""
    results = build_results(n_layers=3, n_instances=4).sel(kind=["exemplar"])
    gone = [name for name in results if "clustering" in str(name) or "accuracy" in str(name)]
    results = results.drop_vars([*gone, "category"])
    known = ("distance", "confidence", "n_resamples", "n_stimuli", "interval_over_instances")
    return results.drop_attrs().assign_attrs({key: results.attrs[key] for key in known})


@pytest.fixture(scope="session")
def ledger_row() -> dict[str, object]:
    """A row of the ledger of a reproduction."""
    return {
        "figure": "fig4", "quantity": "consistency", "paper": 0.443, "low": 0.429, "high": 0.455,
        "ours": 0.4412, "ours_low": 0.4, "ours_high": 0.5, "scale": "small", "kind": "number",
        "verdict": "met", "note": "", "interval": "jackknife over instances", "p": 0.01,
        "p_holm": None, "stands": False,
    }  # fmt: skip

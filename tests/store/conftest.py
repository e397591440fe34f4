"""Activations of few stimuli, and their RDMs in memory and in a store of many small chunks."""

import numpy as np
import pytest

from ensemble_rsa.arrays import stacks
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.store import writer

N_STIMULI, N_INSTANCES, CHUNK = 24, 4, 37  # 276 pairs: eight chunks, of which the last is short
LABELS = np.array(list("cab") * 8)


@pytest.fixture
def small_chunks(monkeypatch):
    """Stores of 37 pairs in a chunk, read in ranges of a few pairs."""
    monkeypatch.setattr(writer, "CHUNK", CHUNK)
    monkeypatch.setattr(stacks, "NARROWEST", 1)
    monkeypatch.setattr(stacks, "RANGE_BYTES", 4 * N_INSTANCES * 50)


@pytest.fixture(scope="session")
def activations():
    """Two layers `(instance, stimulus, unit)` with categories and differences between instances."""
    rng = np.random.default_rng(0)
    shared = (
        rng.normal(size=(N_STIMULI, 30))
        + 2 * rng.normal(size=(3, 30))[np.unique(LABELS, return_inverse=True)[1]]
    )
    return {
        name: (shared + noise * rng.normal(size=(N_INSTANCES, N_STIMULI, 30))).astype(np.float32)
        for name, noise in (("early", 0.5), ("late", 1.5))
    }


@pytest.fixture(scope="session")
def in_memory(activations):
    """What `extract` returns without a store."""
    return extract(activations, labels=LABELS)


@pytest.fixture
def stored(activations, tmp_path, small_chunks):
    """The same in a store."""
    return extract(activations, labels=LABELS, store=tmp_path / "rdms.zarr")

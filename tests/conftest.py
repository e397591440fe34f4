"""Settings every test runs under: strict broadcasting, no window system, fixed seeds."""

import jax
import matplotlib as mpl
import numpy as np
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
mpl.use("Agg")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20201122)

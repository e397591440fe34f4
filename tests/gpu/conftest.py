"""Tests marked `gpu` run on the accelerator there is, or are skipped: `pytest -m gpu tests/gpu`.

`--any-device` runs them on a CPU as well, to see that they are right.
"""

import jax
import pytest


def pytest_addoption(parser):
    parser.addoption("--any-device", action="store_true", help="run tests marked gpu on a CPU, too")


@pytest.fixture(autouse=True)
def accelerator(request) -> None:
    lifted = request.config.getoption("--any-device", default=False)
    if jax.default_backend() == "cpu" and not lifted:
        pytest.skip("no accelerator: JAX computes on a CPU")

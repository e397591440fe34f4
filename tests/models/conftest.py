"""Programs of the tests are compiled without optimisation, which would take most of their time."""

import jax
import pytest


@pytest.fixture(scope="session")
def quickly():
    """Compile a function without optimisation."""
    return lambda function: jax.jit(
        function, compiler_options={"xla_backend_optimization_level": 0}
    )

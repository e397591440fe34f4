"""Benchmarks clear all compiled programs, which the other tests of a process would compile again."""

import jax
import pytest


@pytest.fixture(autouse=True)
def cleared(monkeypatch) -> list[bool]:
    """One entry for each time that compiled programs would have been cleared."""
    calls: list[bool] = []
    monkeypatch.setattr(jax, "clear_caches", lambda: calls.append(True))
    return calls

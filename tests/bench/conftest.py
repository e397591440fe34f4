"""Benchmarks clear all compiled programs; these tests only record it, for the sake of others."""

import jax
import pytest


@pytest.fixture(autouse=True)
def cleared(monkeypatch) -> list[bool]:
    """One entry for each time that compiled programs would have been cleared."""
    calls: list[bool] = []
    monkeypatch.setattr(jax, "clear_caches", lambda: calls.append(True))
    return calls

"""Representational dissimilarity matrices, from any activations of shape (..., stimulus, unit)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["build", "compare", "distances"]
)

"""Measures other than RSA on the same stack of activations: CKA, CCA, Procrustes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["cca", "cka", "procrustes"]
)

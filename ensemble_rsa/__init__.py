"""Train ensembles of networks that differ only in their seed, and compare their representations.

The main functions are `train`, `extract` and `analyze`. Everything from RDMs on also takes
activations from elsewhere, brain data included. The public names are listed in `__init__.pyi`;
each is imported on first use.
"""

import importlib.metadata

import lazy_loader

__version__ = importlib.metadata.version("ensemble_rsa")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

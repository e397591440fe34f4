"""Train ensembles of networks that differ only in their seed, and compare their representations.

The main job is three calls, `train`, `extract` and `analyze`; everything from RDMs on also takes
activations from elsewhere, brain data included. Names are imported on first use, so that `import
ensemble_rsa` stays fast.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensemble_rsa.analysis.bootstrap import bootstrap_consistency as bootstrap_consistency
    from ensemble_rsa.analysis.clustering import (
        category_clustering_index as category_clustering_index,
    )
    from ensemble_rsa.analysis.consistency import consistency as consistency
    from ensemble_rsa.analysis.consistency import consistency_between as consistency_between
    from ensemble_rsa.analysis.consistency import (
        within_category_consistency as within_category_consistency,
    )
    from ensemble_rsa.analysis.groups import compare_groups as compare_groups
    from ensemble_rsa.analysis.mds import mds as mds
    from ensemble_rsa.analysis.random_categories import (
        random_category_consistency as random_category_consistency,
    )
    from ensemble_rsa.analysis.second_level import second_level_distances as second_level_distances
    from ensemble_rsa.config import AnalysisConfig as AnalysisConfig
    from ensemble_rsa.config import Config as Config
    from ensemble_rsa.config import DataConfig as DataConfig
    from ensemble_rsa.config import ModelConfig as ModelConfig
    from ensemble_rsa.config import TrainingConfig as TrainingConfig
    from ensemble_rsa.errors import InputError as InputError
    from ensemble_rsa.errors import RunError as RunError
    from ensemble_rsa.pipeline import analyze as analyze
    from ensemble_rsa.pipeline import extract as extract
    from ensemble_rsa.pipeline import train as train
    from ensemble_rsa.rdm.build import centroids as centroids
    from ensemble_rsa.rdm.build import cocktail_blank as cocktail_blank
    from ensemble_rsa.rdm.build import compute_rdm as compute_rdm
    from ensemble_rsa.rdm.distances import DISTANCES as DISTANCES
    from ensemble_rsa.runs import load_run as load_run
    from ensemble_rsa.workflow import analyze_run as analyze_run

__version__ = importlib.metadata.version("ensemble_rsa")

_HOME = {
    "AnalysisConfig": "config",
    "Config": "config",
    "DISTANCES": "rdm.distances",
    "DataConfig": "config",
    "InputError": "errors",
    "ModelConfig": "config",
    "RunError": "errors",
    "TrainingConfig": "config",
    "analyze": "pipeline",
    "analyze_run": "workflow",
    "bootstrap_consistency": "analysis.bootstrap",
    "category_clustering_index": "analysis.clustering",
    "centroids": "rdm.build",
    "cocktail_blank": "rdm.build",
    "compare_groups": "analysis.groups",
    "compute_rdm": "rdm.build",
    "consistency": "analysis.consistency",
    "consistency_between": "analysis.consistency",
    "extract": "pipeline",
    "load_run": "runs",
    "mds": "analysis.mds",
    "random_category_consistency": "analysis.random_categories",
    "second_level_distances": "analysis.second_level",
    "train": "pipeline",
    "within_category_consistency": "analysis.consistency",
}
__all__ = [
    "AnalysisConfig",
    "Config",
    "DISTANCES",
    "DataConfig",
    "InputError",
    "ModelConfig",
    "RunError",
    "TrainingConfig",
    "analyze",
    "analyze_run",
    "bootstrap_consistency",
    "category_clustering_index",
    "centroids",
    "cocktail_blank",
    "compare_groups",
    "compute_rdm",
    "consistency",
    "consistency_between",
    "extract",
    "load_run",
    "mds",
    "random_category_consistency",
    "second_level_distances",
    "train",
    "within_category_consistency",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ensemble_rsa' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ensemble_rsa.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""Resampling: bootstrap intervals, and the permutations of `compare_groups`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["centroids", "consistency", "jackknife"],
    submod_attrs={
        "centroids": ["bootstrap_centroid_consistency"],
        "consistency": [
            "bootstrap_category_clustering_index",
            "bootstrap_consistency",
            "bootstrap_mean",
            "bootstrap_pairs",
            "bootstrap_within_category_consistency",
        ],
        "jackknife": ["jackknife_pairs", "jackknife_statistic"],
    },
)

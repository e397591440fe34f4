"""Exemplars, centroids, within categories
=======================================

Three kinds of consistency in one panel. On digits, centroids agree less than exemplars in the
last layers; on CIFAR-10 they agree more.
"""

import xarray as xr

import ensemble_rsa as ersa

results = xr.load_dataset("results/digits.nc")  # RUN/results.nc
ax = ersa.figures.draw_category_consistency(results)

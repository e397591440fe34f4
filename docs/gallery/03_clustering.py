"""Category clustering
===================

The category clustering index of every instance, and its mean with an interval over instances.
"""

import xarray as xr

import ensemble_rsa as ersa

results = xr.load_dataset("results/digits.nc")  # RUN/results.nc
ax = ersa.figures.draw_clustering(results)

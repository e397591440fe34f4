"""Fig. 7: categories
==================

Exemplars, centroids and within categories by layer, and the control with random categories in
the last layer.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("fig7.nc")  # results/categories-HASH.nc
figure = ersa.figures.paper.draw_categories(result)

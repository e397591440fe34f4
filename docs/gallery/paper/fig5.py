"""Fig. 5: other distances
=======================

Consistency by layer for cosine, both Euclidean distances and the difference of norms.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("fig5.nc")  # results/distances-HASH.nc
figure = ersa.figures.paper.draw_distances(result)

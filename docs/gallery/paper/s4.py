"""Fig. S4: clustering and consistency
===================================

Each point is a layer; the line is fitted to the layers that the skipped correlation keeps.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("s4.nc")  # results/clustering-HASH.nc
ax = ersa.figures.paper.draw_clustering_and_consistency(result)

"""Fig. 9: training
================

Consistency between epochs and instances, by epoch, and against accuracy.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("fig9.nc")  # results/trajectory-HASH.nc
figure = ersa.figures.paper.draw_trajectory(result, "exemplar")

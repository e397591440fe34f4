"""All layers and instances against each other
===========================================

Distances between the RDMs of all layers and instances, as a matrix and in the plane. Each grey
line is one network.
"""

import xarray as xr

import ensemble_rsa as ersa

results = xr.load_dataset("results/digits.nc")  # RUN/results.nc
figure = ersa.figures.draw_second_level(results)

"""Where the plane distorts
========================

The stress of each stimulus says how much its distances to the others are distorted in the
panels of the arrangement.
"""

import xarray as xr

import ensemble_rsa as ersa

results = xr.load_dataset("results/digits.nc")  # RUN/results.nc
figure = ersa.figures.paper.draw_pointwise_stress(results)

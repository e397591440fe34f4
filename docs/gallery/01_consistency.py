"""Consistency by layer
====================

Mean shared variance of the RDMs of two instances, every pair as a dot, and two intervals: over
pairs, as in the paper, and over instances, which is the one to report.
"""

import xarray as xr

import ensemble_rsa as ersa

results = xr.load_dataset("results/digits.nc")  # RUN/results.nc
ax = ersa.figures.draw_consistency(results)

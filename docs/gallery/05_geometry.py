"""Arrangement of the stimuli
==========================

Two-dimensional MDS of the stimuli in every layer, for the first instances. Each panel has a
scale of its own, given by its bar.
"""

import xarray as xr

import ensemble_rsa as ersa

results = xr.load_dataset("results/digits.nc")  # RUN/results.nc
figure = ersa.figures.draw_geometry(results)

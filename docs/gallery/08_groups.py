"""Two conditions compared
=======================

Similarities within and between two ensembles of six All-CNN-C on digits (an eighth of the
channels, 12 epochs), without dropout and with a rate of 0.5, and the two tests of their difference,
from what ``ensemble-rsa compare RUN OTHER`` keeps.
"""

import xarray as xr

import ensemble_rsa as ersa

comparison = xr.load_dataset("results/comparison.nc")  # RUN/comparison-OTHER/comparison.nc
figure = ersa.figures.draw_groups(comparison)

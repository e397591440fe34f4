"""Training curves
===============

Loss and accuracies of every instance and their mean. Instances that are flagged, such as those
that have not converged, are named.
"""

import xarray as xr

import ensemble_rsa as ersa

history = xr.load_dataset("results/digits_history.nc")  # RUN/history.nc
figure = ersa.figures.draw_training(history)

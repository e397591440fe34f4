"""Initial weights or data order
=============================

How much of the variance between networks is due to initial weights, to the order of the images and
to their interaction, in All-CNN-C on digits (an eighth of the channels, 12 epochs): from
``ensemble-rsa train --sweep order_seed=0,1,2 --instances 4`` and ``analyze``.
"""

import xarray as xr

import ensemble_rsa as ersa

results = xr.load_dataset("results/crossed.nc")  # RUN/results.nc, four of its variables
ax = ersa.figures.draw_crossed_seeds(results)

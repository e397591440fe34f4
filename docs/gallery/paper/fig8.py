"""Fig. 8: dropout
===============

Accuracy, clustering and consistency by dropout probability, with and without dropout at test.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("fig8.nc")  # results/dropout-HASH.nc
figure = ersa.figures.paper.draw_dropout(result)

"""Fig. S7: the mean pattern subtracted
====================================

Consistency with and without cocktail-blank normalisation, by distance.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("s7.nc")  # results/blank-HASH.nc
figure = ersa.figures.paper.draw_blank(result)

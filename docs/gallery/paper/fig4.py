"""Fig. 4: consistency by layer
============================

Two networks, ten instances each; All-CNN-7 is a surrogate, since the paper does not describe
it.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("fig4.nc")  # results/depth-HASH.nc
ax = ersa.figures.paper.draw_depth(result)

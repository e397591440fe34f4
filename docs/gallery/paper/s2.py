"""Fig. S2: within and between networks
====================================

Similarity by the number of layers apart, and of neighbouring layers by depth.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("s2.nc")  # results/second_level-HASH.nc
figure = ersa.figures.paper.draw_layer_similarity(result)

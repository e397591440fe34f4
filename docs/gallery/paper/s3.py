"""Fig. S3: other images, other categories
========================================

Consistency by layer between networks that differ in their seed, in their training data, or in both.
"""

import xarray as xr

import ensemble_rsa as ersa

result = xr.load_dataset("s3.nc")  # results/images-HASH.nc
figure = ersa.figures.paper.draw_training_sets(result)

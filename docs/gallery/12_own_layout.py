"""Several figures in one
======================

Functions with one panel take axes, functions with several panels take a sub-figure. The style
of the package is used for what it draws only.
"""

import matplotlib.pyplot as plt
import xarray as xr

import ensemble_rsa as ersa

results = xr.load_dataset("results/digits.nc")
figure = plt.figure(figsize=(10, 6.5), layout="constrained")
above, below = figure.subfigures(2, 1)
left, right = above.subplots(1, 2)
ersa.figures.draw_category_consistency(results, ax=left)
ersa.figures.draw_clustering(results, ax=right)
ersa.figures.draw_second_level(results, figure=below)

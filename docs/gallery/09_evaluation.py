"""Networks against brains
=======================

Six small networks with random weights against human inferior temporal cortex of four people (92
images): similarity with its noise ceiling, share of the ceiling, and sources of the variance,
from what ``ensemble-rsa evaluate RUN --reference FILE`` keeps.
"""

import xarray as xr

import ensemble_rsa as ersa

evaluation = xr.load_dataset("results/evaluation.nc")  # RUN/evaluation-FILE/evaluation.nc
figure = ersa.figures.draw_evaluation(evaluation)

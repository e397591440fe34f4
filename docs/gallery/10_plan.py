"""How many networks and stimuli
=============================

Expected width of the interval and power at other numbers of networks and stimuli, from RDMs of
a pilot: here of six made-up networks.
"""

import numpy as np

import ensemble_rsa as ersa

rng = np.random.default_rng(0)
shared = rng.normal(size=(40, 100))  # 40 stimuli, 100 units
rdms = ersa.compute_rdm(shared + rng.normal(size=(6, 40, 100)))  # (instance, stimulus_pair)
plan = ersa.plan(rdms, instances=[3, 5, 10, 20, 40], stimuli=[20, 40, 100, 400])
figure = ersa.figures.draw_plan(plan)

"""Consistency by layer
====================

Exemplar-based consistency of every layer.
"""

import numpy as np

import ensemble_rsa as ersa
from ensemble_rsa.figures.consistency import draw_consistency

rng = np.random.default_rng(0)
shared = rng.normal(size=(60, 200))
areas = {f"noise {n}": shared + n * rng.normal(size=(8, 60, 200)) for n in (0.5, 1.0, 2.0)}
results = ersa.analyze(ersa.extract(areas, labels=np.repeat(list("abcdef"), 10)))
figure = draw_consistency(results)

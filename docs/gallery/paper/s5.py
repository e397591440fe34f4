"""Fig. S5: rotations
==================

Rotations about the centre of the patterns, simulated, and what they do to distances.
``"origin"`` draws Fig. S6.
"""

import ensemble_rsa as ersa
from ensemble_rsa.reproduce.experiments.rotations import simulate

result = simulate(n_sets=5, n_stimuli=40, n_units=20, n_steps=13)
figure = ersa.figures.paper.draw_rotations(result, about="centre")

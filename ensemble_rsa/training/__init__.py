"""Training of an ensemble with one compiled step, checkpoints and a convergence check."""

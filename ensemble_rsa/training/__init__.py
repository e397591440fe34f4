"""Training an ensemble: one compiled step for all instances, epochs, and what became of each."""

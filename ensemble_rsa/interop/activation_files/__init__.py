"""Activations in files of other tools, read lazily as a source for `ensemble_rsa.extract`."""

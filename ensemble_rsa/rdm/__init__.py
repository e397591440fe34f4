"""Representational dissimilarity matrices, from any activations of shape (..., stimulus, unit)."""

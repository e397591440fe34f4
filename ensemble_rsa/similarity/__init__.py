"""Measures other than RSA on the same stack of activations: CKA, CCA, Procrustes."""

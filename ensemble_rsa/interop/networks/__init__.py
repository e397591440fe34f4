"""Networks of other frameworks as sources of activations; PyTorch and Keras are optional extras.

A network shows its images batch by batch. What each chosen layer returns is copied at once into a
scratch store, in memory or in a temporary file, from which RDMs are computed one layer after the
other, so that no image is shown twice and no whole layer is held in memory.
"""

"""From networks or arrays to activations and RDMs."""

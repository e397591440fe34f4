"""RDMs on disk, for stacks that exceed memory: written and read by blocks of pairs."""

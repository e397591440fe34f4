"""Statistics of RDMs as pure functions of arrays from any source, brain data included."""

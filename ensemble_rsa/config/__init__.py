"""Settings of a run, and how they are stored."""

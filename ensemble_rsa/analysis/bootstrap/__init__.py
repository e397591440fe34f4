"""Resampling: bootstrap intervals, and the permutations of `compare_groups`."""

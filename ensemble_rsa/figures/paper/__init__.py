"""Figures of the paper that only `reproduce` draws."""

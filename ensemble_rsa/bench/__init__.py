"""Benchmarks of time and memory, and of their growth with size, against other tools."""

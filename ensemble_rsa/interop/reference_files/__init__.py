"""Readers of files with RDMs or patterns of brains and behaviour, one module for each origin."""

"""The stages of an analysis as functions: train, extract, analyze, compare."""

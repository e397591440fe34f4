"""The stages of the main job as functions: train, extract, analyze, compare."""

"""Situations met in plants: a folder each, with config, input and the expected outcome."""

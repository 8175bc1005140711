"""Tests of settings, clock, command line, loading, training and pipeline."""

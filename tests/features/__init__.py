"""Tests of windows, feature vectors, lab history and selection."""

"""Tests of folds, thresholds, detectors and bundles."""

"""Tests of what alerts and predictions were worth."""

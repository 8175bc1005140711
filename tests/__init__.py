"""Tests, in the same folders as the code they hold to its word."""

"""One module per command: `main(args, stopping)` returns the exit code."""

"""Settings, wiring, clock, pipeline, service, command line: the only rooms that import everything."""

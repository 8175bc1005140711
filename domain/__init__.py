"""Types, protocols and texts that two or more packages share; standard library and numpy only."""

"""Every registry entry through one list of contracts."""

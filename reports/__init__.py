"""What it was worth: alerts held against what really happened."""

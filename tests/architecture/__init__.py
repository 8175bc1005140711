"""The habits of the design, each with its check."""

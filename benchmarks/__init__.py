"""What Forewarn promises in figures: `python -m benchmarks.<area>`; imports the product, never the other way."""

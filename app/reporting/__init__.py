"""One module per report of `forewarn report`: `add` its arguments, `main` makes it."""

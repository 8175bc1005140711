"""A starting config from dump files that nobody described: guesses are marked, and what cannot be guessed is asked."""

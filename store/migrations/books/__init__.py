"""The steps of the journal's books, one file each, in the order of their numbers."""

"""A plant's week in, what its people want to know of it out, beside the week before."""

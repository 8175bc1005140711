"""The steps of what is noted beside a point store on a server, one file each, in the order of their numbers."""

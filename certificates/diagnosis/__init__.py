"""The upload doctor: what a file is, what is wrong with it, and what to do. Pure."""

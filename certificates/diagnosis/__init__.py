"""The upload doctor: identify an uploaded file, what is wrong with it, and how to fix it. Pure."""

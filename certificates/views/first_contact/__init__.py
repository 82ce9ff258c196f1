"""Pages about registration on first contact."""

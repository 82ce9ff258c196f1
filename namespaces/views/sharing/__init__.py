"""Whose the rows of a namespace are, and asking for access."""

"""Forms of the lab."""

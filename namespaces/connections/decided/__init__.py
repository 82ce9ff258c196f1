"""Attempts about which this portal decided, and the broker's own records of the same attempts."""

"""Fault injection and the control API."""

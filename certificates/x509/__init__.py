"""Certificates and keys: bytes to facts. Pure: no Django, no I/O, no clock."""

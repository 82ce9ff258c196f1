"""Connections: the log import, attempts, client certificates, live state, sample programs."""

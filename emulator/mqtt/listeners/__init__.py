"""Listening sockets: one per namespace, and one for all by host name."""

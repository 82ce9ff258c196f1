"""Decisions at the endpoint: who may connect, publish and subscribe."""

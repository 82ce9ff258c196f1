"""Serving the portal over HTTP: gunicorn's worker, and which forwarded headers are believed."""

"""Serving the portal over HTTP: the gunicorn worker, trusted proxies, response headers, static files."""

"""Signing in: django-allauth with the portal's accounts, rate limits, sessions, second step and records."""

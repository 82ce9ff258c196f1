"""Signing in: rules for passwords, rate limits, sessions, the second step and what is recorded."""

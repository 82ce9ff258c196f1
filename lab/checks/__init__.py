"""Checks of exercises, by name: each reads what really happened, and costs one query at most unless it says otherwise."""

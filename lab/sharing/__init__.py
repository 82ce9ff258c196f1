"""Shared attempts: what of an attempt is frozen, and as what files it leaves."""

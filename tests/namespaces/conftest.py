"""Fixtures of the namespaces tests."""

from tests.sync.scripted_arm import arm, authority

__all__ = ["arm", "authority"]

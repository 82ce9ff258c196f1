"""The place that every test of access asks."""

from tests.portal.access.place import place

__all__ = ["place"]

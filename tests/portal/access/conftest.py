"""The place that every test of access asks."""

from tests.portal.access.place import kept_numbers, place

__all__ = ["kept_numbers", "place"]

"""Views of the sync pages."""

"""Views of the namespace pages."""

"""Views of the certificate pages."""

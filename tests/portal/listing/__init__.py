"""Lists page by page."""

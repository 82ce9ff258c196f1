"""Rows and test databases."""

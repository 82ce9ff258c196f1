"""Importing an existing Azure namespace into the portal."""

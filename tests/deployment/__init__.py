"""The files in deploy/ and the page docs/production.md: checked, and followed to a running portal."""

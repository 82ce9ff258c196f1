"""Forms for certificates."""

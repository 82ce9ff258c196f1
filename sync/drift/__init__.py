"""Drift: scans for differences in Azure, and what people decide about them."""

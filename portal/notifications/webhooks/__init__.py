"""Webhooks: where they may go, deliveries, and changes to them."""

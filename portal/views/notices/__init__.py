"""Notifications: the bell, what people choose to get, webhooks and the outbox."""

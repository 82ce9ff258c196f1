"""Notices to people: by the bell, by mail through the outbox, and by webhooks."""

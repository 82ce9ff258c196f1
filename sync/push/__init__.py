"""Pushing rows to Azure: queue, claim, deliver, settle."""

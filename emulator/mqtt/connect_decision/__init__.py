"""Decide a CONNECT: authentication, Event Grid's rules, the session, and the terms. Start at `decision`."""

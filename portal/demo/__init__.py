"""`manage.py demo`: the whole product as supervised processes on one machine."""

"""The process that answers Azure's webhook for each CONNECT. `manage.py decisions` runs it; docs/portal-decides.md describes it."""

"""Tasks: thin, quiet when the row is gone or settled."""

from celery import shared_task


@shared_task
def push(label: str, pk: int) -> None:
    """Bring one row to Azure."""


@shared_task
def sweep() -> None:
    """Find due rows whose hint was lost and push them."""


@shared_task
def take_in_connections() -> None:
    """Read the connection log on."""

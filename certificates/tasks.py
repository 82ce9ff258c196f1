"""Tasks of certificates: fetch revocation lists."""

from celery import shared_task
from django.utils import timezone

from certificates.actions.decision_rules.lists import fetch_due_lists


@shared_task
def fetch_revocation_lists() -> None:
    """Fetch the revocation lists that are due, from the hosts that the operator allows."""
    fetch_due_lists(timezone.now())

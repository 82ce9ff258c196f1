"""Check again what is not final: lost writes that may take effect late, and the claims of dead workers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F

from sync import registry


def make_due(at: datetime) -> int:
    """Make rows due again that a late write may have undone, and return the number. They are read back first."""
    count = 0
    for model in registry.models():
        rows: Any = model._default_manager
        settled = rows.filter(recheck_at__lte=at, generation=F("synced_generation"), claim_token__isnull=True)
        count += settled.update(synced_generation=F("generation") - 1, uncertain=True, due_at=at)
    return count


def free_claims(workers: Iterable[str], at: datetime) -> int:
    """End the claims of dead workers, and return the number. The token stays: it marks a push with an unknown result."""
    count = 0
    for model in registry.models():
        rows: Any = model._default_manager
        held = rows.filter(claimed_by__in=list(workers), claim_token__isnull=False, claimed_until__gt=at)
        count += held.update(claimed_until=at)
    return count

"""Looking again at what is not over: a lost write that may have landed late, and the claims of workers that died."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F

from sync import registry


def make_due(at: datetime) -> int:
    """Make due again what a late write may have undone since it was settled. It is read back before it is sent."""
    count = 0
    for model in registry.models():
        rows: Any = model._default_manager
        settled = rows.filter(recheck_at__lte=at, generation=F("synced_generation"), claim_token__isnull=True)
        count += settled.update(synced_generation=F("generation") - 1, uncertain=True, due_at=at)
    return count


def free_claims(workers: Iterable[str], at: datetime) -> int:
    """Let go of what dead workers hold. The token stays: it says that nobody knows what they did."""
    count = 0
    for model in registry.models():
        rows: Any = model._default_manager
        held = rows.filter(claimed_by__in=list(workers), claim_token__isnull=False, claimed_until__gt=at)
        count += held.update(claimed_until=at)
    return count

"""How far the desired state of a row has reached Azure, in one word."""

import uuid
from datetime import datetime

from django.db import models


class SyncState(models.TextChoices):
    PENDING = "Pending"
    SYNCING = "Syncing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    DELETING = "Deleting"


STATE_COLUMNS = ("generation", "synced_generation", "parked_code", "deleted_at", "claim_token")


def sync_state_of(
    generation: int,
    synced_generation: int,
    parked_code: str,
    deleted_at: datetime | None,
    claim_token: uuid.UUID | None,
) -> SyncState:
    """Return the sync state for the values of STATE_COLUMNS."""
    if generation == synced_generation:
        return SyncState.SUCCEEDED
    if parked_code:
        return SyncState.FAILED
    if deleted_at is not None:
        return SyncState.DELETING
    return SyncState.SYNCING if claim_token else SyncState.PENDING

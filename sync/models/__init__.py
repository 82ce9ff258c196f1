"""Models of sync: what every synced row has, and what the workers record."""

from sync.models.findings import Finding, Scan, forget_old_findings, forget_scope
from sync.models.former_states import former_holder
from sync.models.names import same_name
from sync.models.records import (
    RECORDS_KEPT,
    Budget,
    Discard,
    Lease,
    PeriodicRun,
    PushRecord,
    WorkerBeat,
    forget_old_records,
)
from sync.models.sight import HIDDEN_NAME, NOTHING_SEEN, Sight, of_seen_objects, visible_activities
from sync.models.sync_states import STATE_COLUMNS, SyncState, sync_state_of
from sync.models.synced import Lane, Obstacle, SyncedModel, SyncedQuerySet, may_go

__all__ = [
    "HIDDEN_NAME",
    "NOTHING_SEEN",
    "RECORDS_KEPT",
    "STATE_COLUMNS",
    "Budget",
    "Discard",
    "Finding",
    "Lane",
    "Lease",
    "Obstacle",
    "PeriodicRun",
    "PushRecord",
    "Scan",
    "Sight",
    "SyncState",
    "SyncedModel",
    "SyncedQuerySet",
    "WorkerBeat",
    "forget_old_findings",
    "forget_old_records",
    "forget_scope",
    "former_holder",
    "may_go",
    "of_seen_objects",
    "same_name",
    "sync_state_of",
    "visible_activities",
]

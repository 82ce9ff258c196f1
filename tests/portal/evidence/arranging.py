"""Entries of the activity log, sealed, and ways to tamper with them behind the portal's back."""

import math
from typing import Any

from django.db import connection

from portal import activity
from portal.evidence.sealing import seal_entries
from portal.models import Activity, User
from tests.support.database.append_only import triggers_off

KIND = "namespaces.client"
COLUMNS = {str(field.column): field for field in Activity._meta.concrete_fields}


def add(actor: User | None, number: int, *, synced: bool = True, name: str = "") -> Activity:
    return activity.record(
        actor,
        verb="Update client",
        kind=KIND,
        object_pk=number,
        object_name=name or f"sensor-{number}",
        scope=1,
        scope_name="factory",
        before={"description": "old"},
        after={"description": "new", "tags": [1, None, {"ü": 0.5}]},
        generation=1,
        synced=synced,
        reason="ticket 7",
    )


def settle(number: int, outcome: str = "succeeded") -> None:
    activity.settle(KIND, number, 1, outcome, "Code", "Message")


def seal() -> int:
    """Seal everything that waits."""
    return seal_entries(math.inf)


def tamper(sql: str, *parameters: Any) -> None:
    """Run a statement as an attacker who can switch the triggers off."""
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def other_value(column: str) -> Any:
    """Return a value that no entry of these tests has."""
    kind = COLUMNS[column].get_internal_type()
    values = {"JSONField": '{"x": 1}', "DateTimeField": "2001-02-03 04:05:06+00:00"}
    return values.get(kind, 4711 if "Integer" in kind or "Auto" in kind else "other")

"""The database itself refuses to change or delete what is in the activity log, whatever statement is tried."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from portal import activity
from portal.evidence.triggers import EXPECTED, missing_triggers
from portal.models import Activity, ActivityCheckpoint, ActivityLink, UnsealedPart
from tests.support.database.append_only import triggers_off
from tests.support.database.factories import make_user

pytestmark = pytest.mark.django_db

COLUMNS = {str(field.column): field for field in Activity._meta.concrete_fields}
FIXED = sorted(COLUMNS.keys() - set(Activity.SETTLED_FIELDS))
TABLES = ("portal_activity", "portal_activitylink", "portal_activitycheckpoint")


def run(sql: str, *parameters: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def make_entry(*, synced: bool = True, **more: Any) -> Activity:
    values: dict[str, Any] = {"verb": "Update client", "kind": "namespaces.client", "object_pk": 1, "object_name": "c"}
    return activity.record(make_user("ada"), **values, generation=1, synced=synced, scope=1, **more)


def other_value(column: str) -> Any:
    """Return a value that differs from each one that `make_entry` stores."""
    if column == "actor_id":
        return make_user("bob").pk
    kind = COLUMNS[column].get_internal_type()
    values = {"JSONField": '{"x": 1}', "DateTimeField": timezone.now() - timedelta(days=1)}
    return values.get(kind, 4711 if "Integer" in kind or "Auto" in kind else "other")


def make_link(place: int, entry: int = 0) -> None:
    values: dict[str, Any] = {"part": "entry", "version": 1, "sealed_at": timezone.now()}
    ActivityLink.objects.create(place=place, entry=entry or place, **values)


def make_checkpoint(through: int) -> None:
    ActivityCheckpoint.objects.create(through=through, through_seal="", pruned_at=timezone.now(), entries=0, seal="")


@pytest.mark.parametrize("column", FIXED)
@pytest.mark.parametrize("outcome", ["", ", outcome = 'succeeded', settled_at = at"], ids=["alone", "with the outcome"])
def test_no_column_of_an_entry_changes(column: str, outcome: str) -> None:
    make_entry(before={"a": 1})
    with pytest.raises(IntegrityError, match="append-only"):
        run(f"UPDATE portal_activity SET {column} = %s{outcome}", other_value(column))


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "superseded"])
def test_a_pending_entry_settles_once(outcome: str) -> None:
    make_entry()
    settle = "UPDATE portal_activity SET outcome = %s, outcome_code = 'C', outcome_message = 'M', settled_at = at"
    run(settle, outcome)
    for again in ("pending", "succeeded", "failed", "superseded", "local"):
        with pytest.raises(IntegrityError, match="append-only"):
            run(settle, again)
    for column in ("outcome_code", "outcome_message"):
        with pytest.raises(IntegrityError, match="append-only"):
            run(f"UPDATE portal_activity SET {column} = 'other'")
    assert Activity.objects.get().outcome == outcome


def test_only_a_pending_entry_settles_and_only_with_its_time() -> None:
    make_entry(synced=False)
    with pytest.raises(IntegrityError, match="append-only"):
        run("UPDATE portal_activity SET outcome = 'succeeded', settled_at = at")
    entry = activity.record(None, verb="v", kind="k.k", object_pk=1, object_name="", synced=True, generation=1)
    for change in ("outcome = 'succeeded'", "outcome = 'local', settled_at = at", "outcome_code = 'C'"):
        with pytest.raises(IntegrityError, match="append-only"):
            run(f"UPDATE portal_activity SET {change} WHERE id = %s", entry.pk)


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_deleted_or_replaced(table: str) -> None:
    entry = make_entry()
    make_link(entry.pk)
    make_checkpoint(entry.pk - 1)
    statements = [f"DELETE FROM {table}"]
    if connection.vendor == "postgresql":
        run("SET CONSTRAINTS ALL IMMEDIATE")  # else it refuses for the foreign keys that wait for the commit
        statements += [f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE"]
    else:
        statements += [
            f"REPLACE INTO {table} SELECT * FROM {table}",
            f"UPDATE OR REPLACE {table} SET rowid = rowid + 1",
        ]
    for statement in statements:
        with pytest.raises(IntegrityError, match="append-only"):
            run(statement)


@pytest.mark.parametrize(
    ("table", "column"), [("activitylink", "seal"), ("activitylink", "entry"), ("activitycheckpoint", "entries")]
)
def test_links_and_checkpoints_never_change(table: str, column: str) -> None:
    make_link(1)
    make_checkpoint(0)
    with pytest.raises(IntegrityError, match="append-only"):
        run(f"UPDATE portal_{table} SET {column} = {column}")


def test_a_checkpoint_lets_the_entries_before_it_go_and_no_others() -> None:
    user = make_user("ada")
    entries = [activity.record(user, verb="v", kind="k.k", object_pk=pk, object_name="n") for pk in range(3)]
    for place, entry in enumerate(entries[:2], 1):
        make_link(place, entry.pk)
    make_checkpoint(1)
    run("DELETE FROM portal_activity WHERE id = %s", entries[0].pk)
    run("DELETE FROM portal_activitylink WHERE place = 1")
    for kept in entries[1:]:  # behind the checkpoint, and without a place
        with pytest.raises(IntegrityError, match="append-only"):
            run("DELETE FROM portal_activity WHERE id = %s", kept.pk)
    with pytest.raises(IntegrityError, match="append-only"):
        run("DELETE FROM portal_activitylink WHERE place = 2")
    make_checkpoint(2)
    run("DELETE FROM portal_activitycheckpoint WHERE through = 1")
    with pytest.raises(IntegrityError, match="append-only"):
        run("DELETE FROM portal_activitycheckpoint WHERE through = 2")


def test_each_part_of_an_entry_waits_for_its_place() -> None:
    user = make_user("ada")
    values: dict[str, Any] = {"verb": "v", "kind": "k.k", "object_name": "n"}
    activity.record_many([activity.entry_of(user, object_pk=pk, **values, synced=True, generation=1) for pk in (1, 2)])
    first, second = Activity.objects.order_by("pk").values_list("pk", flat=True)
    assert waiting() == [(first, "entry"), (second, "entry")]
    activity.settle("k.k", 2, 1, Activity.Outcome.SUCCEEDED)
    assert waiting() == [(first, "entry"), (second, "entry"), (second, "outcome")]


def waiting() -> list[tuple[int, str]]:
    return list(UnsealedPart.objects.order_by("pk").values_list("entry", "part"))


def test_every_trigger_is_there() -> None:
    assert missing_triggers() == []
    with triggers_off():
        assert connection.vendor == "postgresql" or missing_triggers() == list(EXPECTED["sqlite"])


def test_the_switch_of_the_tests_ends_with_its_block() -> None:
    make_entry()
    with triggers_off():
        run("UPDATE portal_activity SET verb = 'other'")
    with pytest.raises(IntegrityError, match="append-only"):
        run("UPDATE portal_activity SET verb = 'another'")

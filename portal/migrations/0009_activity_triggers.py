"""Make the activity log append-only in the database, and queue each entry for its place in the chain.

SQLite loses the triggers of a table that a later migration copies, so such a migration creates them again; the test
`test_every_trigger_is_there` and `manage.py check_deployment` notice it.
"""

from typing import Any

from django.db import migrations

FIXED = (
    *("id", "at", "actor_id", "actor_name", "team_name", "verb", "scope", "scope_name", "kind", "object_pk"),
    *("object_name", "before", "after", "generation", "address", "request_id", "reason"),
)
SETTLED = "('succeeded', 'failed', 'superseded')"
ENTRY_IS_PRUNED = """EXISTS (
    SELECT 1 FROM portal_activitylink link WHERE link.entry = OLD.id AND link.part = 'entry'
    AND link.place <= (SELECT max(through) FROM portal_activitycheckpoint))"""
LINK_IS_PRUNED = "coalesce(OLD.place <= (SELECT max(through) FROM portal_activitycheckpoint), false)"
CHECKPOINT_IS_OLD = "OLD.through < (SELECT max(through) FROM portal_activitycheckpoint)"
# Table → condition under which a row may be deleted
DELETABLE = {
    "portal_activity": ENTRY_IS_PRUNED,
    "portal_activitylink": LINK_IS_PRUNED,
    "portal_activitycheckpoint": CHECKPOINT_IS_OLD,
}
KEYS = {"portal_activity": "id", "portal_activitylink": "place", "portal_activitycheckpoint": "through"}


def sqlite() -> list[str]:
    same = " AND ".join(f"OLD.{column} IS NEW.{column}" for column in FIXED)
    settles = f"OLD.outcome = 'pending' AND NEW.outcome IN {SETTLED} AND NEW.settled_at IS NOT NULL AND {same}"
    changeable = {"portal_activity": settles}
    statements = []
    for table, key in KEYS.items():
        refuse = f"BEGIN SELECT RAISE(ABORT, 'Table {table} is append-only.'); END"
        statements += [
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN NOT ({changeable.get(table, '0')}) {refuse}",
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN NOT ({DELETABLE[table]}) {refuse}",
            # INSERT OR REPLACE would delete a row without its trigger.
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
            f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) {refuse}",
        ]
    queue = "INSERT INTO portal_unsealedpart (entry, part)"
    return [
        *statements,
        # One trigger for both: SQLite does not promise in which order it runs several.
        f"""CREATE TRIGGER portal_activity_queue_entry AFTER INSERT ON portal_activity BEGIN
            {queue} VALUES (NEW.id, 'entry');
            {queue} SELECT NEW.id, 'outcome' WHERE NEW.outcome IN {SETTLED}; END""",
        f"""CREATE TRIGGER portal_activity_queue_outcome AFTER UPDATE ON portal_activity BEGIN
            {queue} VALUES (NEW.id, 'outcome'); END""",
    ]


def postgresql() -> list[str]:
    same = [f"({', '.join(f'{row}.{column}' for column in FIXED)})" for row in ("OLD", "NEW")]
    settles = (
        f"OLD.outcome = 'pending' AND NEW.outcome IN {SETTLED} AND NEW.settled_at IS NOT NULL"
        f" AND {same[0]} IS NOT DISTINCT FROM {same[1]}"
    )
    changeable = {"portal_activity": settles}
    refuse = "RAISE EXCEPTION 'Table % is append-only.', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"
    statements = [
        f"CREATE FUNCTION portal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refuse} END $$"
    ]
    for table in KEYS:
        statements += [
            f"""CREATE FUNCTION {table}_pruned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF {DELETABLE[table]} THEN RETURN OLD; END IF; {refuse} END $$""",
            f"""CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW
                WHEN (NOT ({changeable.get(table, "false")})) EXECUTE FUNCTION portal_append_only()""",
            f"""CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW
                EXECUTE FUNCTION {table}_pruned()""",
            f"""CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
                EXECUTE FUNCTION portal_append_only()""",
        ]
    queue = "INSERT INTO portal_unsealedpart (entry, part)"
    return [
        *statements,
        f"""CREATE FUNCTION portal_activity_queue_entries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            {queue} SELECT id, 'entry' FROM added ORDER BY id;
            {queue} SELECT id, 'outcome' FROM added WHERE outcome IN {SETTLED} ORDER BY id;
            RETURN NULL; END $$""",
        f"""CREATE FUNCTION portal_activity_queue_outcomes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            {queue} SELECT id, 'outcome' FROM changed ORDER BY id;
            RETURN NULL; END $$""",
        """CREATE TRIGGER portal_activity_queue_entry AFTER INSERT ON portal_activity
            REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION portal_activity_queue_entries()""",
        """CREATE TRIGGER portal_activity_queue_outcome AFTER UPDATE ON portal_activity
            REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION portal_activity_queue_outcomes()""",
    ]


def create(apps: Any, schema_editor: Any) -> None:
    """Queue the entries there are, then create the triggers."""
    queue = "INSERT INTO portal_unsealedpart (entry, part)"
    schema_editor.execute(f"{queue} SELECT id, 'entry' FROM portal_activity ORDER BY id")
    schema_editor.execute(f"{queue} SELECT id, 'outcome' FROM portal_activity WHERE outcome IN {SETTLED} ORDER BY id")
    for statement in sqlite() if schema_editor.connection.vendor == "sqlite" else postgresql():
        schema_editor.execute(statement, params=None)


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        queues = ("queue_entry", "queue_outcome")
        for table in KEYS:
            for name in ("no_update", "no_delete", "no_replace", *(queues if table == "portal_activity" else ())):
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_{name}")
    else:
        functions = ["portal_append_only", *(f"{table}_pruned" for table in KEYS)]
        for function in [*functions, "portal_activity_queue_entries", "portal_activity_queue_outcomes"]:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {function}() CASCADE")  # with its triggers


class Migration(migrations.Migration):
    dependencies = [("portal", "0008_activity_chain")]

    operations = [migrations.RunPython(create, drop, elidable=False)]

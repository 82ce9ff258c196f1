"""Arrange tests of sync: create and change clients, here and in Azure, and add a worker with a heartbeat."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from namespaces.actions.clients import create_client, update_client
from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync.drift import scan as drift
from sync.models import Finding, Scan, WorkerBeat
from sync.push.claim_and_settle import Pushed, push
from sync.push.rechecks import make_due
from sync.registry import Scope
from tests.sync.scripted_arm import Answer, ScriptedArm

SUBJECT = "SubjectMatchesAuthenticationName"
LOST = Answer(wire="none")  # it took effect, and the response was lost
NEVER_ARRIVED = Answer(wire="none", apply="never")
ON_ITS_WAY = Answer(wire="none", apply="later")


def make(ada: User, factory: Namespace, name: str = "sensor-1", **fields: Any) -> Client:
    values: dict[str, Any] = {"team": None, "authentication_name": name, "validation_scheme": SUBJECT, **fields}
    return create_client(ada, namespace=factory, name=name, **values)


def edit(ada: User, client: Client, **fields: Any) -> Client:
    row = Client.objects.get(pk=client.pk)
    values: dict[str, Any] = {
        "validation_scheme": row.validation_scheme,
        "thumbprints": row.thumbprints,
        "state": row.state,
        "description": row.description,
        "attributes": row.attributes,
        **fields,
    }
    return update_client(ada, client=row, **values)


def again(row: Any) -> Any:
    """Return the row from the database, due for its next attempt."""
    type(row).objects.filter(pk=row.pk).update(next_attempt_at=None)
    return type(row).objects.get(pk=row.pk)


def settled(ada: User, factory: Namespace, name: str = "sensor-1", **fields: Any) -> Client:
    """Return a client that has been pushed to Azure."""
    client = make(ada, factory, name, **fields)
    assert push(client) is Pushed.SUCCEEDED
    return again(client)  # type: ignore[no-any-return]


def lease_runs_out(row: Any) -> None:
    type(row).objects.filter(pk=row.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))


def outcomes(row: Any) -> list[str]:
    return list(Activity.objects.of_object(row.kind, row.pk).order_by("pk").values_list("outcome", flat=True))


def recheck(row: Any) -> None:
    type(row).objects.filter(pk=row.pk).update(recheck_at=timezone.now() - timedelta(seconds=1))
    make_due(timezone.now())


def scan(namespace: Namespace) -> Scan:
    return drift.scan(Scope(namespace.pk, namespace.resource_id, namespace.name))


def change_in_azure(arm: ScriptedArm, row: Any, **values: Any) -> None:
    arm.hold(row.arm_id(), {**(arm.held(row.arm_id()) or {}), **values})


def delete_in_azure(arm: ScriptedArm, row: Any) -> None:
    del arm.store[row.arm_id().lower()]


def the_finding(**wanted: Any) -> Finding:
    return Finding.objects.exclude(state="resolved").get(**wanted)


def changed(arm: ScriptedArm, ada: User, factory: Namespace) -> Client:
    client = settled(ada, factory, description="ours")
    change_in_azure(arm, client, description="theirs", state="Disabled")
    scan(factory)
    return client


def beating() -> WorkerBeat:
    """Create a worker that counts as alive, however long the test takes."""
    now = timezone.now()
    seen = now + timedelta(minutes=5)
    return WorkerBeat.objects.create(worker="w", name="host:1", host="host", pid=1, started_at=now, seen_at=seen)

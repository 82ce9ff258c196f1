"""Create, use and end devices in the browser. Every command reads the person's rights again, and names the person to the process."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.db import close_old_connections, transaction
from django.utils import timezone

from lab.devices import control
from lab.devices.problems import DeviceProblem, NoSuchDevice
from lab.models import BrowserDevice
from namespaces.models import Client, Namespace
from namespaces.rights import rights_now, rights_of_many
from portal import activity
from portal.models import User

KIND = "lab.browserdevice"


def create_device(
    actor: User,
    *,
    namespace: Namespace,
    authentication_name: str,
    validation_scheme: str,
    fault: str,
    client_id: str,
    sends_intermediate: bool,
) -> BrowserDevice:
    """Have the process make a device with a key and certificates of its own. Raise DeviceProblem."""
    _check(actor, namespace)
    made = control.ask(
        "make",
        owner=actor.pk,
        namespace=namespace.resource_key,
        authentication_name=authentication_name,
        validation_scheme=validation_scheme,
        fault=fault,
        client_id=client_id,
        sends_intermediate=sends_intermediate,
        ahead_seconds=int(namespace.judged_ahead.total_seconds()),
    )
    running = control.ask("states", owner=actor.pk, namespace=namespace.resource_key)["states"]
    with transaction.atomic():
        BrowserDevice.objects.filter(owner=actor).exclude(handle__in=list(running)).delete()  # those that have ended
        device = BrowserDevice.objects.create(
            namespace=namespace,
            owner=actor,
            handle=made["device"],
            authentication_name=authentication_name,
            validation_scheme=validation_scheme,
            fault=fault,
            client_id=client_id,
            thumbprint=made["certificates"]["thumbprint"],
            created_at=timezone.now(),
        )
        _record(actor, namespace, "Create device")
    return device


def command(actor: User, *, device: BrowserDevice, name: str, **values: Any) -> dict[str, Any]:
    """Have a device do something, such as "connect". Return what it shows then. Raise DeviceProblem."""
    _check(actor, device.namespace)
    return control.ask(
        name, owner=device.owner_id, namespace=device.namespace.resource_key, device=device.handle, **values
    )


def end_device(actor: User, *, device: BrowserDevice) -> None:
    """Disconnect a device and forget it, with its key. Raise DevicesAway while the process does not respond."""
    with suppress(NoSuchDevice):  # it has ended already
        control.ask("end", owner=device.owner_id, namespace=device.namespace.resource_key, device=device.handle)
    with transaction.atomic():
        deleted, _ = BrowserDevice.objects.filter(pk=device.pk).delete()
        if deleted:
            _record(actor, device.namespace, "End device")


def end_devices_of(user: User) -> dict[str, int]:
    """End all devices of a person who is disabled, after that transaction. Return how many there were."""
    deleted, _ = BrowserDevice.objects.filter(owner=user).delete()
    if deleted and control.has_devices():
        transaction.on_commit(lambda: _end_all(user.pk))
    return {"browser_devices": deleted}


def allowed_among(places: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return those of these people and namespaces (by `resource_key`) where the person may still have devices."""
    close_old_connections()
    return {place for place, rights in rights_of_many(places).items() if rights.reach(Client)}


def _end_all(owner: int) -> None:
    with suppress(DeviceProblem):  # without their rows, no page reaches them, and unused ones end soon
        control.ask("end-all", owner=owner, namespace="")


def _check(actor: User, namespace: Namespace) -> None:
    if not rights_now(actor, namespace.pk).reach(Client):
        raise DeviceProblem("no-longer-allowed", f"You may no longer connect clients in {namespace.name}.")


def _record(actor: User, namespace: Namespace, verb: str) -> None:
    activity.record(
        actor,
        verb=verb,
        kind=KIND,
        object_pk=None,
        object_name="Device in the browser",  # its name may be that of a client which not everybody sees
        scope=namespace.pk,
        scope_name=namespace.name,
    )

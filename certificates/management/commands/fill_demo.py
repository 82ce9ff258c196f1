"""`manage.py fill_demo`: fill contoso-plant of a running demo through the portal, ARM and MQTT, so that every page has something to show."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db.models import F
from django.utils import timezone

from certificates.management.demo_data.day import count_the_day
from certificates.management.demo_data.devices import connect_all
from certificates.management.demo_data.plant import DISABLED, LINES, chain_of, devices_of, furnish
from certificates.management.demo_data.story import devices_of_successor, start_replacement, successor_chain
from certificates.models import CACertificate
from namespaces.connections.mqtt_endpoints import MqttEndpoint, mqtt_endpoint
from namespaces.models import Client, ConnectionAttempt, IssuerAlarm, Namespace
from portal.demo.state import StateFolder
from portal.models import User
from sync import registry
from sync.arm.gateway import arm_gateway
from sync.drift.scan import scan

PLANT = "contoso-plant"
PATIENCE = 20.0  # seconds for each step of a worker; the demo goes on without it


class Command(BaseCommand):
    help = "Fill the namespace contoso-plant of a running demo. What exists is not changed."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        namespace = Namespace.objects.filter(name=PLANT).first()
        admin = User.objects.filter(is_superuser=True).order_by("pk").first()
        if namespace is None or admin is None:
            return  # disconnected meanwhile
        now = timezone.now()
        _wait(lambda: Namespace.objects.get(pk=namespace.pk).import_state == Namespace.Import.DONE)
        chains = [chain_of(line, at=now) for line in LINES]
        furnish(admin, namespace, chains)
        count_the_day(namespace, at=now)
        _wait(lambda: not _unsent(namespace))
        stranger = chain_of(LINES[2], at=now)
        devices = [
            device for line, chain in zip(LINES, chains, strict=True) for device in devices_of(line, chain, stranger)
        ]
        endpoint = mqtt_endpoint(Namespace.objects.get(pk=namespace.pk))
        if endpoint is not None:
            connect_all(devices, endpoint, keep=StateFolder(Path(settings.STATE_DIR)).devices)
            _wait(lambda: ConnectionAttempt.objects.filter(namespace=namespace).count() >= len(devices))
            _replace(namespace, endpoint)
        _differ(namespace)
        User.objects.update(activity_seen_at=timezone.now())  # do not show the demo's data as new


def _replace(namespace: Namespace, endpoint: MqttEndpoint) -> None:
    """Let Line A replace its CA certificate: five of its presses have changed already, and so has a robot of Line B."""
    chain = successor_chain(at=timezone.now())
    if not start_replacement(namespace, chain):
        return
    _wait(lambda: not _unsent(namespace))
    connect_all(list(devices_of_successor(chain)), endpoint, keep=StateFolder(Path(settings.STATE_DIR)).devices)
    _wait(lambda: IssuerAlarm.objects.filter(namespace=namespace).exists())


def _unsent(namespace: Namespace) -> bool:
    """Return whether CA certificates or clients are on their way to Azure."""
    return any(
        rows.filter(namespace=namespace).exclude(generation=F("synced_generation")).exists()
        for rows in (CACertificate.objects.present(), Client.objects.present())
    )


def _differ(namespace: Namespace) -> None:
    """Enable in Azure the client that is disabled in the portal, and let the portal find it."""
    row = Client.objects.present().filter(namespace=namespace, name=DISABLED).first()
    scope = next((each for each in registry.scopes().all() if each.pk == namespace.pk), None)
    if row is None or scope is None or row.state == Client.ConnectionState.ENABLED:
        return
    arm = arm_gateway()
    resource = arm.get(row.arm_id())
    arm.put(row.arm_id(), {"properties": resource["properties"] | {"state": "Enabled"}})
    scan(scope)


def _wait(condition: Callable[[], bool]) -> None:
    """Wait until a worker has done its part, but not for ever."""
    ends = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < ends:
        time.sleep(0.1)

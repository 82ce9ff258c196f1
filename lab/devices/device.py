"""A device: its certificates, and its connection, one at a time."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from certificates.samples.chain import ClientName
from lab.devices.certificates import make_certificates
from lab.devices.connection import CONNECTED, CONNECTING, MqttConnection
from lab.devices.limits import MOST_FILTERS
from lab.devices.problems import DeviceProblem
from lab.devices.record import Record
from namespaces.connections.mqtt_endpoints import MqttEndpoint

READY = "ready"


class Device:
    """A device of one person in one namespace. Times are monotonic seconds."""

    def __init__(self, wanted: Mapping[str, Any], *, owner: int, namespace: str, at: datetime) -> None:
        name = ClientName(wanted["authentication_name"], wanted["validation_scheme"], wanted["fault"])
        self.owner = owner
        self.namespace = namespace
        self.client_id = str(wanted["client_id"])
        self.certificates = make_certificates(
            name,
            sends_intermediate=bool(wanted["sends_intermediate"]),
            at=at,
            ahead=timedelta(seconds=int(wanted.get("ahead_seconds", 0))),
        )
        self.record = Record()
        self.made_at = self.used_at = time.monotonic()
        self._connection: MqttConnection | None = None

    @property
    def state(self) -> str:
        return self._connection.state if self._connection is not None else READY

    def connect(self, endpoint: MqttEndpoint, *, user_name: str, version: str) -> None:
        """Begin to connect. Raise DeviceProblem while it is connected."""
        if self.state in {CONNECTING, CONNECTED}:
            raise DeviceProblem("already-connected", "This device is connected already.")
        context = self.certificates.context
        try:
            context.load_verify_locations(endpoint.ca)
        except OSError:  # ssl.SSLError too
            raise DeviceProblem("no-endpoint", "The authority of the emulator's certificate cannot be read.") from None
        self._connection = MqttConnection(
            context, self.record, client_id=self.client_id, user_name=user_name, version=version
        )
        self._connection.start(endpoint)

    def disconnect(self) -> asyncio.Task[None] | None:
        """Disconnect. Return the task that ends when nothing of the connection runs any more, if there was one."""
        return self._connection.stop() if self._connection is not None else None

    def publish(self, topic: str, payload: str, qos: int) -> None:
        self._connected().publish(topic, payload.encode(), qos)

    def subscribe(self, topic_filter: str, qos: int) -> None:
        connection = self._connected()
        if len(connection.filters) >= MOST_FILTERS:
            raise DeviceProblem("too-many-filters", f"A device has at most {MOST_FILTERS} subscriptions.")
        connection.subscribe(topic_filter, qos)

    def unsubscribe(self, topic_filter: str) -> None:
        self._connected().unsubscribe(topic_filter)

    def as_dict(self) -> dict[str, Any]:
        """Return what the page shows. There is no key in it."""
        filters = self._connection.filters if self._connection is not None else {}
        return {
            "state": self.state,
            "filters": dict(filters),
            "certificates": self.certificates.public(),
            **self.record.as_dict(),
        }

    def _connected(self) -> MqttConnection:
        if self._connection is None or self.state != CONNECTED:
            raise DeviceProblem("not-connected", "This device is not connected. Connect it first.")
        return self._connection

"""Life-cycle events of MQTT clients, in both schemas of Event Grid.

Source: https://learn.microsoft.com/azure/event-grid/mqtt-client-life-cycle-events
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulator.storage.connection_records import ConnectionRecord
from emulator.storage.resources import Resource

CONNECTED = "Microsoft.EventGrid.MQTTClientSessionConnected"
DISCONNECTED = "Microsoft.EventGrid.MQTTClientSessionDisconnected"
CREATED_OR_UPDATED = "Microsoft.EventGrid.MQTTClientCreatedOrUpdated"
DELETED = "Microsoft.EventGrid.MQTTClientDeleted"
EVENT_TYPES = (CREATED_OR_UPDATED, DELETED, CONNECTED, DISCONNECTED)

_TYPE_OF_CATEGORY = {"SuccessfulMqttConnections": CONNECTED, "MqttDisconnections": DISCONNECTED}


def azure_time(time: datetime) -> str:
    """Return a time as Azure writes it: UTC, seven decimals."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


@dataclass(frozen=True)
class LifeCycleEvent:
    """One event of a namespace. `number` orders the events of one session, and is 0 for those of a client resource."""

    type: str
    namespace_id: str
    subject: str
    data: Mapping[str, Any]
    time: str
    number: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def as_cloud_event(self) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": self.id,
            "time": self.time,
            "type": self.type,
            "source": self.namespace_id,
            "subject": self.subject,
            "data": dict(self.data),
        }

    def as_event_grid_event(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "eventTime": self.time,
            "eventType": self.type,
            "topic": self.namespace_id,
            "subject": self.subject,
            "dataVersion": "1",
            "metadataVersion": "1",
            "data": dict(self.data),
        }


def event_type_of(record: ConnectionRecord) -> str | None:
    """Return the type of the event that a record of the connection log means, or None."""
    return _TYPE_OF_CATEGORY.get(record.category)


def session_event(record: ConnectionRecord, event_type: str, number: int) -> LifeCycleEvent:
    """Return the event of a session that was connected or disconnected. `number` is its sequence number."""
    data: dict[str, Any] = {
        "namespaceName": record.namespace_id.rpartition("/")[2],
        "clientAuthenticationName": record.authentication_name,
        "clientSessionName": record.session_name,
        "sequenceNumber": number,
    }
    if event_type == DISCONNECTED:
        data["disconnectionReason"] = record.result_signature
    subject = f"clients/{record.authentication_name}/sessions/{record.session_name}"
    return LifeCycleEvent(event_type, record.namespace_id, subject, data, azure_time(record.time), number)


def client_event(client: Resource, namespace_id: str, *, is_deleted: bool, now: datetime) -> LifeCycleEvent:
    """Return the event of a client resource that was created, changed or deleted."""
    name = namespace_id.rpartition("/")[2]
    properties = client.properties
    names = {
        "namespaceName": name,
        "clientName": client.name,
        "clientAuthenticationName": properties.get("authenticationName") or client.name,
    }
    subject = f"clients/{client.name}"
    if is_deleted:
        return LifeCycleEvent(DELETED, namespace_id, subject, names, azure_time(now))
    created = client.system_data.get("createdAt") or azure_time(now)
    data = {
        "createdOn": created,
        "updatedOn": client.system_data.get("lastModifiedAt") or created,
        **names,
        "state": properties.get("state") or "Enabled",
        "attributes": dict(properties.get("attributes") or {}),
    }
    return LifeCycleEvent(CREATED_OR_UPDATED, namespace_id, subject, data, azure_time(now))

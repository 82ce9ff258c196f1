"""An event subscription as the delivery needs it, read from its stored resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from emulator.events.life_cycle import EVENT_TYPES, LifeCycleEvent
from emulator.events.schedule import RetryPolicy
from emulator.storage.resources import Resource, parent_of

CLOUD_EVENTS = "CloudEventSchemaV1_0"
EVENT_GRID_EVENTS = "EventGridSchema"
SCHEMAS = (EVENT_GRID_EVENTS, CLOUD_EVENTS)
SUCCEEDED, AWAITING = "Succeeded", "AwaitingManualAction"


@dataclass(frozen=True)
class EventSubscription:
    """Which events of a namespace go to which webhook."""

    id: str
    name: str
    namespace_id: str
    url: str
    schema: str
    state: str
    policy: RetryPolicy
    types: frozenset[str]
    begins_with: str
    ends_with: str
    is_case_sensitive: bool
    expires_at: datetime | None
    rate: int  # requests a minute that the webhook allows; 0: any number

    def wants(self, event: LifeCycleEvent, now: datetime) -> bool:
        """Return whether the event is to be delivered."""
        if self.state != SUCCEEDED or event.type not in self.types:
            return False
        if self.expires_at is not None and self.expires_at <= now:
            return False
        subject, begin, end = event.subject, self.begins_with, self.ends_with
        if not self.is_case_sensitive:
            subject, begin, end = subject.casefold(), begin.casefold(), end.casefold()
        return subject.startswith(begin) and subject.endswith(end)


def subscription_of(resource: Resource) -> EventSubscription:
    """Return the subscription that a valid resource describes."""
    properties = resource.properties
    destination: Mapping[str, Any] = properties["destination"]["properties"]
    chosen: Mapping[str, Any] = properties.get("filter") or {}
    policy: Mapping[str, Any] = properties.get("retryPolicy") or {}
    return EventSubscription(
        id=resource.id,
        name=resource.name,
        namespace_id=parent_of(resource.id),
        url=destination["endpointUrl"],
        schema=properties.get("eventDeliverySchema") or EVENT_GRID_EVENTS,
        state=properties.get("provisioningState") or SUCCEEDED,
        policy=RetryPolicy(policy.get("maxDeliveryAttempts") or 30, policy.get("eventTimeToLiveInMinutes") or 1_440),
        types=frozenset(chosen.get("includedEventTypes") or EVENT_TYPES),
        begins_with=chosen.get("subjectBeginsWith") or "",
        ends_with=chosen.get("subjectEndsWith") or "",
        is_case_sensitive=bool(chosen.get("isSubjectCaseSensitive")),
        expires_at=_time_of(properties.get("expirationTimeUtc")),
        rate=int(resource.body.get("allowedRate") or 0),
    )


def _time_of(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

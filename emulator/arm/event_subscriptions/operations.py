"""Requests for the event subscriptions of a namespace, and the handshake with their webhooks.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/event-subscriptions
"""

import asyncio
import secrets
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from emulator.arm.event_subscriptions.body import NAME, checked_properties, shown
from emulator.arm.long_running import LongRunningOperations
from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paging import list_page
from emulator.arm.requests.paths import EVENT_GRID, ArmPath
from emulator.arm.requests.responses import ArmResponse, system_data
from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS
from emulator.arm.resource_types.fields import Fields
from emulator.arm.visible_state import VisibleState
from emulator.events.allowed_urls import base_of
from emulator.events.publisher import LifeCycleEvents
from emulator.events.subscription import AWAITING, SUCCEEDED, subscription_of
from emulator.events.webhook_client import Handshake, rate_of
from emulator.storage.resources import EVENT_SUBSCRIPTION, Resource, id_key
from emulator.storage.store import Store

SEGMENT = "eventsubscriptions"
# Those with CloudEventSchemaV1_0, besides the versions of namespaces.
VERSIONS = (*EVENT_GRID_VERSIONS, "2022-06-15", "2021-12-01", "2021-10-15-preview", "2021-06-01-preview", "2020-06-01")
MAX_SUBSCRIPTIONS = 500  # of one namespace
GRANT_SECONDS = 600.0  # for a callback; then the subscription fails
LEAST_GRANT_SECONDS = 10.0  # however small the scale


def names_event_subscriptions(path: ArmPath) -> bool:
    """Return whether a path is `…/namespaces/NAME/providers/Microsoft.EventGrid/eventSubscriptions…`."""
    types = [each.casefold() for each in path.types]
    return (
        types[:3] == ["namespaces", "providers", SEGMENT]
        and len(types) <= 4
        and path.names[1].casefold() == EVENT_GRID.casefold()
    )


@dataclass(frozen=True)
class _Grant:
    """A webhook that may grant its permission by a callback."""

    resource_id: str
    timer: asyncio.TimerHandle


class EventSubscriptions:
    """The operations of the type."""

    def __init__(
        self, store: Store, visible: VisibleState, operations: LongRunningOperations, events: LifeCycleEvents
    ) -> None:
        self._store = store
        self._visible = visible
        self._operations = operations
        self._events = events
        self._grants: dict[str, _Grant] = {}  # by the secret of the callback

    def handle(self, call: Call, namespace: Resource) -> ArmResponse:
        """Respond to a call. Raise `ArmError`."""
        call.require_api_version(VERSIONS)
        path = call.path
        if len(path.names) == 2:
            return self._list(call, namespace)
        name = path.names[2]
        resource_id = f"{namespace.id}/providers/{EVENT_SUBSCRIPTION}/{name}"
        if len(path.types) == 4:
            return self._action(call, resource_id)
        existing = self._store.get(resource_id)
        match call.method:
            case "GET" | "HEAD":
                found = self._found(self._visible.get(resource_id), name)
                return ArmResponse(204) if call.method == "HEAD" else ArmResponse(200, shown(found))
            case "PUT":
                return self._write(call, namespace, resource_id, existing, _properties_of(call.members()))
            case "PATCH":
                kept = self._found(existing, name)
                patch = {key: value for key, value in call.members().items() if value is not None}
                return self._write(call, namespace, resource_id, kept, {**kept.properties, **patch})
            case "DELETE":
                self._operations.require_idle(resource_id)
                return ArmResponse(200 if self._store.delete(resource_id) else 204)
        raise call.method_not_allowed("GET", "HEAD", "PUT", "PATCH", "DELETE")

    @staticmethod
    def _found(resource: Resource | None, name: str) -> Resource:
        if resource is None:
            raise ArmError(404, "ResourceNotFound", f"The event subscription '{name[:100]}' was not found.")
        return resource

    def _list(self, call: Call, namespace: Resource) -> ArmResponse:
        if call.method != "GET":
            raise call.method_not_allowed("GET")
        return list_page(
            call,
            lambda after, accept, limit: self._visible.children(namespace.id, EVENT_SUBSCRIPTION, after, accept, limit),
            default=20,
            most=100,
            filter_values=lambda resource: {"name": resource.name},
            filter_on=("name",),
            show=shown,
        )

    def _action(self, call: Call, resource_id: str) -> ArmResponse:
        if call.path.types[3].casefold() != "getfullurl" or len(call.path.names) == 4:
            raise ArmError(404, "InvalidResourceType", "An event subscription has the action getFullUrl only.")
        if call.method != "POST":
            raise call.method_not_allowed("POST")
        found = self._found(self._store.get(resource_id), call.path.names[2])
        return ArmResponse(200, {"endpointUrl": subscription_of(found).url})

    # Writes: the webhook is asked first, and the subscription exists once it agrees

    def _write(
        self, call: Call, namespace: Resource, resource_id: str, existing: Resource | None, members: dict[str, Any]
    ) -> ArmResponse:
        name = existing.name if existing else call.path.names[2]
        NAME.check(name, "event subscription")
        members = {key: value for key, value in members.items() if key != "provisioningState"}
        known = subscription_of(existing).url if existing else ""
        properties = checked_properties(Fields(members, "properties"), namespace.id, self._events.allowed, known)
        if existing is None and self._store.count(namespace.id, EVENT_SUBSCRIPTION) >= MAX_SUBSCRIPTIONS:
            raise ArmError(400, "QuotaExceeded", f"A namespace has at most {MAX_SUBSCRIPTIONS} event subscriptions.")
        self._operations.require_idle(resource_id)
        wanted = Resource(
            existing.id if existing else resource_id,
            EVENT_SUBSCRIPTION,
            name,
            {"properties": {**properties, "provisioningState": "Updating" if existing else "Creating"}},
            system_data(call.caller, existing),
        )
        headers, end = self._operations.begin(call, wanted)
        self._ask(call, wanted, end)
        return ArmResponse(201, shown(wanted), headers)

    def _ask(self, call: Call, wanted: Resource, end: Callable[[ArmError | None], None]) -> None:
        code, secret = str(uuid.uuid4()).upper(), secrets.token_urlsafe(32)
        callback = f"{call.origin}/eventsubscriptions/{wanted.name}/validate?token={secret}"
        loop = asyncio.get_running_loop()

        def on_answer(future: "Future[Handshake]") -> None:  # in the thread of the events
            failed = future.cancelled() or future.exception() is not None
            handshake = Handshake(reason="The emulator is stopping.") if failed else future.result()
            loop.call_soon_threadsafe(self._conclude, wanted, handshake, secret, end)

        self._events.validate(subscription_of(wanted), code, callback).add_done_callback(on_answer)

    def _conclude(
        self, wanted: Resource, handshake: Handshake, secret: str, end: Callable[[ArmError | None], None]
    ) -> None:
        if not handshake.is_granted and not handshake.is_awaiting:
            url = base_of(subscription_of(wanted).url)
            message = f"Webhook validation handshake failed for {url}. {handshake.reason}"
            end(ArmError(400, "URL validation", message, target="properties.destination.properties.endpointUrl"))
            return
        if self._store.get(wanted.id.partition("/providers/Microsoft.EventGrid/eventSubscriptions/")[0]) is None:
            end(ArmError(404, "ParentResourceNotFound", "The namespace was deleted in the meantime."))
            return
        self.forget_grants(wanted.id)
        self._store.put(_in_state(wanted, SUCCEEDED if handshake.is_granted else AWAITING, handshake.rate))
        if handshake.is_awaiting:
            seconds = max(self._events.schedule.scaled(GRANT_SECONDS), LEAST_GRANT_SECONDS)
            timer = asyncio.get_running_loop().call_later(seconds, self._expire, secret)
            self._grants[secret] = _Grant(wanted.id, timer)
        end(None)

    # The callback of a webhook

    def grant(self, secret: str, rate: str | None) -> bool:
        """Complete a subscription whose webhook calls back. Return False for an unknown or used secret."""
        grant = self._grants.pop(secret, None)
        if grant is None:
            return False
        grant.timer.cancel()
        return self._move(grant.resource_id, SUCCEEDED, rate_of(rate))

    def forget_grants(self, resource_id: str = "") -> None:
        """Make the callbacks of earlier handshakes worthless: of one subscription, or of all."""
        for secret, grant in tuple(self._grants.items()):
            if not resource_id or id_key(grant.resource_id) == id_key(resource_id):
                grant.timer.cancel()
                del self._grants[secret]

    def _expire(self, secret: str) -> None:
        grant = self._grants.pop(secret, None)
        if grant is not None:
            self._move(grant.resource_id, "Failed", 0)

    def _move(self, resource_id: str, state: str, rate: int) -> bool:
        found = self._store.get(resource_id)
        if found is None or found.properties.get("provisioningState") != AWAITING:
            return False
        self._store.put(_in_state(found, state, rate))
        return True

    def fail_unfinished(self) -> None:
        """Let subscriptions fail that waited for a callback when the emulator stopped: its secret is lost."""
        for found in self._store.of_type(EVENT_SUBSCRIPTION):
            if found.properties.get("provisioningState") == AWAITING:
                self._move(found.id, "Failed", 0)


def _properties_of(members: dict[str, Any]) -> dict[str, Any]:
    properties = members.get("properties")
    if not isinstance(properties, dict):
        raise ArmError(400, "InvalidRequestContent", "'properties' must be an object.", target="properties")
    return properties


def _in_state(resource: Resource, state: str, rate: int) -> Resource:
    properties = {**resource.properties, "provisioningState": state}
    return replace(resource, body={**resource.body, "properties": properties, "allowedRate": rate})

"""The resource provider `Microsoft.EventGrid`: PUT, GET, PATCH, DELETE, HEAD and lists of namespaces and child types.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/ and recorded traffic.
"""

from collections.abc import Callable
from typing import Any

from emulator.arm.access_keys import AccessKeys
from emulator.arm.event_subscriptions.operations import EventSubscriptions, names_event_subscriptions
from emulator.arm.long_running import LongRunningOperations
from emulator.arm.namespace_actions import EMULATOR_ACTIONS, MqttState, NamespaceActions
from emulator.arm.private_links import PRIVATE_LINKS, private_links
from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError, invalid
from emulator.arm.requests.paging import list_page
from emulator.arm.requests.paths import EVENT_GRID
from emulator.arm.requests.responses import ArmResponse, rendered, system_data
from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS, reject_unknown, without_unknown
from emulator.arm.resource_types.child_type import ChildType, Draft, Limits
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.names import SHORT_NAME
from emulator.arm.resource_types.namespaces import apply_patch, check_namespace
from emulator.arm.resource_types.registry import CHILD_TYPES
from emulator.arm.visible_state import VisibleState
from emulator.profile import AzureProfile
from emulator.storage.resources import NAMESPACE, Resource, id_key
from emulator.storage.store import Store

ENVELOPE = frozenset({"id", "name", "type", "location", "tags", "systemData", "properties"})
ACCEPTED = ENVELOPE | {"etag", "sku", "identity", "kind"}  # generic clients send these with any resource
READ_ONLY = frozenset({"provisioningState", "issueTimeInUtc", "expiryTimeInUtc", "systemData"})


def unwrap_properties(members: dict[str, Any]) -> dict[str, Any]:
    """Return the properties in the body of a PUT to a child type. Raise `ArmError` (400).

    Microsoft's guide wraps its JSON in `properties` once more than `az resource create` needs: both forms are accepted.
    Envelope members and read-only values from an earlier GET are dropped.
    """
    check_envelope(members)
    properties = members.get("properties")
    while isinstance(properties, dict) and isinstance(properties.get("properties"), dict):
        if not set(properties) <= ENVELOPE:
            break
        properties = properties["properties"]
    if properties is None:
        return {}
    if not isinstance(properties, dict):
        raise ArmError(400, "InvalidRequestContent", "'properties' must be an object.", target="properties")
    return {name: value for name, value in properties.items() if name not in READ_ONLY}


def check_envelope(members: dict[str, Any]) -> None:
    """Raise `ArmError` (400) for a member that belongs in `properties` or does not exist: it would be lost silently."""
    for name in members:
        if name not in ACCEPTED:
            raise invalid(
                f"'{name[:100]}' is not a top-level member of a resource. Put its settings into 'properties', in lower case.",
                name[:100],
            )


class EventGrid:
    """The operations of the resource provider. `mqtt` reports what MQTT clients are doing now, `tenant` is theirs."""

    def __init__(
        self,
        store: Store,
        limits: Limits,
        visible: VisibleState,
        operations: LongRunningOperations,
        mqtt: MqttState,
        azure: AzureProfile,
        events: EventSubscriptions,
        tenant: str,
    ) -> None:
        self._tenant = tenant
        self._store = store
        self._limits = limits
        self._azure = azure
        self._events = events
        self._visible = visible
        self._operations = operations
        self._children = CHILD_TYPES
        self._keys = AccessKeys(store)
        self._actions = NamespaceActions(store, self._keys, mqtt).all

    def handle(self, call: Call) -> ArmResponse:
        """Respond to a call whose path names this provider. Raise `ArmError`."""
        path = call.path
        if path.types[0].casefold() == "locations":
            return self._operations.handle(call)
        if names_event_subscriptions(path):
            return self._events.handle(call, self._parent(call))
        if path.types[0].casefold() != "namespaces" or len(path.types) > 3:
            raise self._unknown_type(call)
        if len(path.types) == 1:
            call.require_api_version(EVENT_GRID_VERSIONS)
            return self._list_namespaces(call) if path.is_collection else self._namespace(call)
        kind = path.types[1].casefold()
        action = self._actions.get(kind) if len(path.types) == 2 and path.is_collection else None
        if action is None or kind not in EMULATOR_ACTIONS:
            call.require_api_version(EVENT_GRID_VERSIONS)
        if action is not None:
            return action(call, self._parent(call))
        if kind in PRIVATE_LINKS and len(path.types) == 2:
            return private_links(call, self._parent(call))
        child = self._children.get(kind)
        if child is None:
            raise self._unknown_type(call)
        if len(path.types) == 3:
            return self._keys_of_child(call, child)
        return self._list_children(call, child) if path.is_collection else self._child(call, child)

    def resource_types(self) -> list[str]:
        """Return the types as the provider lists them: "namespaces/clients"."""
        return ["namespaces", *(f"namespaces/{child_type.segment}" for child_type in self._children.values())]

    @staticmethod
    def _unknown_type(call: Call) -> ArmError:
        return ArmError(
            404,
            "InvalidResourceType",
            f"The resource type '{'/'.join(call.path.types)[:200]}' could not be found in the namespace '{EVENT_GRID}'"
            f" for api version '{call.api_version[:40]}'.",
        )

    # The resource of a call

    def _group(self, call: Call) -> Resource:
        group = self._store.get(f"/subscriptions/{call.path.subscription}/resourceGroups/{call.path.group}")
        if group is None or not call.path.group:
            raise ArmError(
                404, "ResourceGroupNotFound", f"Resource group '{call.path.group[:100]}' could not be found."
            )
        return group

    def _namespace_id(self, call: Call) -> str:
        return f"{self._group(call).id}/providers/{NAMESPACE}/{call.path.names[0]}"

    def _parent(self, call: Call) -> Resource:
        namespace_id = self._namespace_id(call)
        namespace = self._store.get(namespace_id)
        if namespace is None:
            verb = {"PUT": "write", "DELETE": "delete"}.get(call.method, "read")
            raise ArmError(
                404,
                "ParentResourceNotFound",
                f"Failed to perform '{verb}' on resource(s) of type '{'/'.join(call.path.types)}', because the parent"
                f" resource '{namespace_id}' could not be found.",
            )
        return namespace

    @staticmethod
    def _not_found(call: Call) -> ArmError:
        pairs = zip(call.path.types, call.path.names, strict=False)  # an action has no name
        name = "/".join(part for pair in pairs for part in pair)
        return ArmError(
            404,
            "ResourceNotFound",
            f"The Resource '{EVENT_GRID}/{name}' under resource group '{call.path.group}' was not found.",
        )

    def _found_or_404(self, call: Call, found: Resource | None) -> ArmResponse:
        if found is None:
            raise self._not_found(call)
        return ArmResponse(204) if call.method == "HEAD" else ArmResponse(200, _body_of(call, found))

    # Namespaces

    def _namespace(self, call: Call) -> ArmResponse:
        namespace_id = self._namespace_id(call)
        existing = self._store.get(namespace_id)
        if call.method in ("GET", "HEAD"):
            return self._found_or_404(call, self._visible.get(namespace_id))
        if call.method == "DELETE":
            return self._delete(call, namespace_id, lambda found: None)
        if call.method == "PUT":
            return self._write_namespace(call, namespace_id, existing, call.members())
        if call.method == "PATCH":
            if existing is None:
                raise self._not_found(call)
            patch = call.members()
            check_envelope(patch)
            return self._write_namespace(
                call, namespace_id, existing, apply_patch(without_unknown(existing, call.api_version), patch)
            )
        raise call.method_not_allowed("GET", "HEAD", "PUT", "PATCH", "DELETE")

    def _write_namespace(
        self, call: Call, namespace_id: str, existing: Resource | None, members: dict[str, Any]
    ) -> ArmResponse:
        name = existing.name if existing else call.path.names[0]
        SHORT_NAME.check(name, "namespace")
        check_envelope(members)
        with self._store.transaction():
            wanted = check_namespace(
                members,
                resource_id=existing.id if existing else namespace_id,
                name=name,
                existing=existing,
                version=call.api_version,
                tenant=self._tenant,
            )
            if existing is None:
                self._require_free_name(wanted)
            written = Resource(wanted.id, wanted.type, wanted.name, wanted.body, system_data(call.caller, existing))
            return self._write(call, written, existing, 200 if existing else 201)

    # Writes, immediate or as a long-running operation

    def _write(self, call: Call, written: Resource, existing: Resource | None, status: int) -> ArmResponse:
        self._operations.require_idle(written.id)
        if call.operation is not None:
            return self._operations.write(call, call.operation, written, existing)
        self._visible.hide_write(written.id, existing, call.stale)
        self._store.put(written)
        return ArmResponse(status, _body_of(call, written))

    def _delete(self, call: Call, resource_id: str, check: Callable[[Resource], None]) -> ArmResponse:
        """Delete a resource: 200, or 204 if there is none. `check` raises `ArmError` if it must not be deleted."""
        with self._store.transaction():
            found = self._store.get(resource_id)
            if found is None:
                return ArmResponse(204)
            check(found)
            self._operations.require_idle(found.id)
            if call.operation is not None:
                return self._operations.delete(
                    call, call.operation, found, lambda: self._delete_if_allowed(resource_id, check)
                )
            self._visible.hide_write(found.id, found, call.stale)
            self._store.delete(resource_id)
        return ArmResponse(200)

    def _delete_if_allowed(self, resource_id: str, check: Callable[[Resource], None]) -> None:
        with self._store.transaction():
            found = self._store.get(resource_id)
            if found is not None:
                check(found)
                self._store.delete(resource_id)

    def _require_free_name(self, wanted: Resource) -> None:
        for other in self._store.namespaces():
            if other.name.casefold() == wanted.name.casefold() and other.body["location"] == wanted.body["location"]:
                raise ArmError(
                    409,
                    "NamespaceNameNotAvailable",
                    f"The namespace name '{wanted.name}' is taken in '{wanted.body['location']}' by {other.id}."
                    " It is part of a host name, so it must be unique in its location.",
                )

    def _list_namespaces(self, call: Call) -> ArmResponse:
        if call.method != "GET":
            raise call.method_not_allowed("GET")
        below = self._group(call).id if call.path.group else f"/subscriptions/{call.path.subscription}"
        return list_page(
            call,
            lambda after, accept, limit: self._visible.of_type(NAMESPACE, below, after, accept, limit),
            default=20,
            most=100,
            filter_values=_filter_values,
            filter_on=("name",),
            show=lambda namespace: _body_of(call, namespace),
        )

    # Children

    def _child(self, call: Call, child_type: ChildType) -> ArmResponse:
        namespace = self._parent(call)
        child_id = f"{namespace.id}/{child_type.segment}/{call.path.names[1]}"
        built_in = child_type.built_in(namespace)
        is_built_in = built_in is not None and id_key(built_in.id) == id_key(child_id)
        if call.method in ("GET", "HEAD"):
            return self._found_or_404(call, built_in if is_built_in else self._visible.get(child_id))
        if is_built_in and call.method in ("PUT", "DELETE"):
            raise invalid(
                f"The {child_type.label} '{call.path.names[1]}' is built in; it cannot be changed or deleted.", "name"
            )
        if call.method == "DELETE":
            return self._delete(call, child_id, lambda found: child_type.check_delete(namespace, found, self._store))
        if call.method == "PUT" or (call.method == "PATCH" and child_type.has_patch):
            return self._write_child(call, child_type, namespace, child_id)
        raise call.method_not_allowed("GET", "HEAD", "PUT", *(["PATCH"] if child_type.has_patch else []), "DELETE")

    def _keys_of_child(self, call: Call, child_type: ChildType) -> ArmResponse:
        """Respond to `listKeys` or `regenerateKey` of a child."""
        action = {"listkeys": self._keys.list_keys, "regeneratekey": self._keys.regenerate_key}.get(
            call.path.types[2].casefold()
        )
        if action is None or not child_type.has_keys or not call.path.is_collection:
            raise self._unknown_type(call)
        found = self._store.get(f"{self._parent(call).id}/{child_type.segment}/{call.path.names[1]}")
        if found is None:
            raise self._not_found(call)
        return action(call, found)

    def _write_child(self, call: Call, child_type: ChildType, namespace: Resource, child_id: str) -> ArmResponse:
        properties = unwrap_properties(call.members())
        with self._store.transaction():
            existing = self._store.get(child_id)
            if call.method == "PATCH":
                if existing is None:
                    raise self._not_found(call)
                kept = {name: value for name, value in existing.properties.items() if name not in READ_ONLY}
                properties = {**kept, **properties}
            name = existing.name if existing else call.path.names[1]
            resource_id = existing.id if existing else child_id
            child_type.name_rule.check(name, child_type.label)
            reject_unknown(child_type.type, properties, call.api_version)
            draft = Draft(
                resource_id,
                name,
                namespace,
                Fields(properties, "properties"),
                existing,
                self._store,
                call.api_version,
                self._azure,
            )
            checked = child_type.check(draft)
            if existing is None:
                self._check_quota(child_type, namespace)
            written = Resource(
                resource_id,
                child_type.type,
                name,
                {"properties": dict(checked.properties)},
                system_data(call.caller, existing),
                checked.unique_key,
                checked.certificate,
            )
            return self._write(call, written, existing, 200)

    def _check_quota(self, child_type: ChildType, namespace: Resource) -> None:
        most = child_type.limit(self._limits, namespace)
        if self._store.count(namespace.id, child_type.type) >= most:
            raise ArmError(
                400,
                "QuotaExceeded",
                f"Namespace '{namespace.name}' already has {most} resources of type '{child_type.type}', which is its limit."
                " Delete one first.",
            )

    def _list_children(self, call: Call, child_type: ChildType) -> ArmResponse:
        if call.method != "GET":
            raise call.method_not_allowed("GET")
        namespace = self._parent(call)
        built_in = child_type.built_in(namespace)

        def fetch(after: str, accept: Callable[[Resource], bool] | None, limit: int) -> list[Resource]:
            found = self._visible.children(namespace.id, child_type.type, after, accept, limit)
            if built_in is None or after or (accept is not None and not accept(built_in)):
                return found
            return [built_in, *found][:limit]

        return list_page(
            call,
            fetch,
            default=20,
            most=100,
            filter_values=_filter_values,
            filter_on=("name",),
            show=lambda resource: _body_of(call, resource),
        )


def _body_of(call: Call, resource: Resource) -> dict[str, Any]:
    return rendered(without_unknown(resource, call.api_version))


def _filter_values(resource: Resource) -> dict[str, str]:
    return {"name": resource.name}

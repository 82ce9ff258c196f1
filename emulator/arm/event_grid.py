"""Namespaces and what is registered in them: PUT, GET, PATCH, DELETE, HEAD and lists."""

from collections.abc import Callable
from typing import Any

from emulator.arm.namespace_actions import NO_PART_OF_AZURE, LiveState, NamespaceActions
from emulator.arm.operations import Operations
from emulator.arm.requests.calls import Answer, Call, page, rendered, system_data
from emulator.arm.requests.errors import ArmError, invalid
from emulator.arm.requests.paths import EVENT_GRID
from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS, refuse_unknown, shown
from emulator.arm.resource_types.child_type import ChildType, Draft, Limits
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.names import SHORT_NAME
from emulator.arm.resource_types.namespaces import check_namespace, merged
from emulator.arm.resource_types.registry import CHILD_TYPES
from emulator.arm.views import View
from emulator.storage.store import NAMESPACE, Resource, Store, id_key

ENVELOPE = frozenset({"id", "name", "type", "location", "tags", "systemData", "properties"})
TOLERATED = ENVELOPE | {"etag", "sku", "identity", "kind"}  # what generic clients send with any resource
READ_ONLY = frozenset({"provisioningState", "issueTimeInUtc", "expiryTimeInUtc", "systemData"})


def unwrapped(members: dict[str, Any]) -> dict[str, Any]:
    """The properties of a child in a PUT's body, as people really send them.

    Microsoft's guide wraps its JSON in `properties` once more than `az resource create` wants. Envelope members and
    read-only values from an earlier GET are dropped.
    """
    require_envelope(members)
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


def require_envelope(members: dict[str, Any]) -> None:
    """Refuse a member that belongs into `properties`, or is none: it would be lost without a word."""
    for name in members:
        if name not in TOLERATED:
            raise invalid(
                f"'{name[:100]}' does not belong at the top of a resource. Put what describes it into 'properties', in"
                " lower case.",
                name[:100],
            )


class EventGrid:
    """The operations of the resource provider `Microsoft.EventGrid`."""

    def __init__(self, store: Store, limits: Limits, view: View, operations: Operations, live_state: LiveState) -> None:
        self._store = store
        self._limits = limits
        self._view = view
        self._operations = operations
        self._children = CHILD_TYPES
        self._actions = NamespaceActions(store, live_state).all

    def handle(self, call: Call) -> Answer:
        """Answer a call whose path names this provider. Raises `ArmError`."""
        path = call.path
        if path.types[0].casefold() == "locations":
            return self._operations.handle(call)
        if path.types[0].casefold() != "namespaces" or len(path.types) > 2:
            raise self._unknown_type(call)
        action = self._actions.get(path.types[1].casefold()) if len(path.types) == 2 and path.is_collection else None
        if action is None or path.types[1].casefold() not in NO_PART_OF_AZURE:
            call.require_api_version(EVENT_GRID_VERSIONS)
        if action is not None:
            return action(call, self._parent(call))
        if len(path.types) == 1:
            return self._list_namespaces(call) if path.is_collection else self._namespace(call)
        child = self._children.get(path.types[1].casefold())
        if child is None:
            raise self._unknown_type(call)
        return self._list_children(call, child) if path.is_collection else self._child(call, child)

    def resource_types(self) -> list[str]:
        return ["namespaces", *(f"namespaces/{kind.segment}" for kind in self._children.values())]

    @staticmethod
    def _unknown_type(call: Call) -> ArmError:
        return ArmError(
            404,
            "InvalidResourceType",
            f"The resource type '{'/'.join(call.path.types)[:200]}' could not be found in the namespace '{EVENT_GRID}'"
            f" for api version '{call.api_version[:40]}'.",
        )

    # Where a call points

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
        pairs = zip(call.path.types, call.path.names, strict=True)
        name = "/".join(part for pair in pairs for part in pair)
        return ArmError(
            404,
            "ResourceNotFound",
            f"The Resource '{EVENT_GRID}/{name}' under resource group '{call.path.group}' was not found.",
        )

    def _answer_found(self, call: Call, found: Resource | None) -> Answer:
        if found is None:
            raise self._not_found(call)
        return Answer(204) if call.method == "HEAD" else Answer(200, _answered(call, found))

    # Namespaces

    def _namespace(self, call: Call) -> Answer:
        namespace_id = self._namespace_id(call)
        existing = self._store.get(namespace_id)
        if call.method in ("GET", "HEAD"):
            return self._answer_found(call, self._view.get(namespace_id))
        if call.method == "DELETE":
            return self._delete(call, namespace_id, lambda found: None)
        if call.method == "PUT":
            return self._write_namespace(call, namespace_id, existing, call.members())
        if call.method == "PATCH":
            if existing is None:
                raise self._not_found(call)
            patch = call.members()
            require_envelope(patch)
            return self._write_namespace(call, namespace_id, existing, merged(shown(existing, call.api_version), patch))
        raise call.refuse_method("GET", "HEAD", "PUT", "PATCH", "DELETE")

    def _write_namespace(
        self, call: Call, namespace_id: str, existing: Resource | None, members: dict[str, Any]
    ) -> Answer:
        name = existing.name if existing else call.path.names[0]
        SHORT_NAME.check(name, "namespace")
        require_envelope(members)
        with self._store.transaction():
            wanted = check_namespace(
                members,
                resource_id=existing.id if existing else namespace_id,
                name=name,
                existing=existing,
                version=call.api_version,
            )
            if existing is None:
                self._require_free_name(wanted)
            written = Resource(wanted.id, wanted.type, wanted.name, wanted.body, system_data(call.caller, existing))
            return self._write(call, written, existing, 200 if existing else 201)

    # Writing, at once or by a long-running operation

    def _write(self, call: Call, written: Resource, existing: Resource | None, status: int) -> Answer:
        self._operations.require_idle(written.id)
        if call.operation is not None:
            return self._operations.write(call, call.operation, written, existing)
        self._view.keeps(written.id, existing, call.stale)
        self._store.put(written)
        return Answer(status, _answered(call, written))

    def _delete(self, call: Call, resource_id: str, check: Callable[[Resource], None]) -> Answer:
        """`check(found)` raises `ArmError` when it may not go."""
        with self._store.transaction():
            found = self._store.get(resource_id)
            if found is None:
                return Answer(204)
            check(found)
            self._operations.require_idle(found.id)
            if call.operation is not None:
                return self._operations.delete(
                    call, call.operation, found, lambda: self._delete_checked(resource_id, check)
                )
            self._view.keeps(found.id, found, call.stale)
            self._store.delete(resource_id)
        return Answer(200)

    def _delete_checked(self, resource_id: str, check: Callable[[Resource], None]) -> None:
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

    def _list_namespaces(self, call: Call) -> Answer:
        if call.method != "GET":
            raise call.refuse_method("GET")
        below = self._group(call).id if call.path.group else f"/subscriptions/{call.path.subscription}"
        return page(
            call,
            lambda after, accept, limit: self._view.of_type(NAMESPACE, below, after, accept, limit),
            default=20,
            most=100,
            filter_values=_by_name,
            filter_on=("name",),
            show=lambda namespace: _answered(call, namespace),
        )

    # Children

    def _child(self, call: Call, kind: ChildType) -> Answer:
        namespace = self._parent(call)
        child_id = f"{namespace.id}/{kind.segment}/{call.path.names[1]}"
        built_in = kind.built_in(namespace)
        is_built_in = built_in is not None and id_key(built_in.id) == id_key(child_id)
        if call.method in ("GET", "HEAD"):
            return self._answer_found(call, built_in if is_built_in else self._view.get(child_id))
        if is_built_in and call.method in ("PUT", "DELETE"):
            raise invalid(
                f"The {kind.label} '{call.path.names[1]}' is built in; it cannot be changed or deleted.", "name"
            )
        if call.method == "DELETE":
            return self._delete(call, child_id, lambda found: kind.check_delete(namespace, found, self._store))
        if call.method == "PUT":
            return self._write_child(call, kind, namespace, child_id)
        raise call.refuse_method("GET", "HEAD", "PUT", "DELETE")

    def _write_child(self, call: Call, kind: ChildType, namespace: Resource, child_id: str) -> Answer:
        properties = unwrapped(call.members())
        with self._store.transaction():
            existing = self._store.get(child_id)
            name = existing.name if existing else call.path.names[1]
            resource_id = existing.id if existing else child_id
            kind.name_rule.check(name, kind.label)
            refuse_unknown(kind.type, properties, call.api_version)
            draft = Draft(
                resource_id,
                name,
                namespace,
                Fields(properties, "properties"),
                existing,
                self._store,
                call.api_version,
            )
            checked = kind.check(draft)
            if existing is None:
                self._require_room(kind, namespace)
            written = Resource(
                resource_id,
                kind.type,
                name,
                {"properties": dict(checked.properties)},
                system_data(call.caller, existing),
                checked.unique_key,
                checked.certificate,
            )
            return self._write(call, written, existing, 200)

    def _require_room(self, kind: ChildType, namespace: Resource) -> None:
        most = kind.limit(self._limits, namespace)
        if self._store.count(namespace.id, kind.type) >= most:
            raise ArmError(
                400,
                "QuotaExceeded",
                f"Namespace '{namespace.name}' already has {most} resources of type '{kind.type}', which is its limit."
                " Delete one that is not needed.",
            )

    def _list_children(self, call: Call, kind: ChildType) -> Answer:
        if call.method != "GET":
            raise call.refuse_method("GET")
        namespace = self._parent(call)
        built_in = kind.built_in(namespace)

        def fetch(after: str, accept: Callable[[Resource], bool] | None, limit: int) -> list[Resource]:
            found = self._view.children(namespace.id, kind.type, after, accept, limit)
            if built_in is None or after or (accept is not None and not accept(built_in)):
                return found
            return [built_in, *found][:limit]

        return page(
            call,
            fetch,
            default=20,
            most=100,
            filter_values=_by_name,
            filter_on=("name",),
            show=lambda resource: _answered(call, resource),
        )


def _answered(call: Call, resource: Resource) -> dict[str, Any]:
    return rendered(shown(resource, call.api_version))


def _by_name(resource: Resource) -> dict[str, str]:
    return {"name": resource.name}

"""The types `clientGroups`, `topicSpaces` and `permissionBindings`: which clients may publish and subscribe where.

Source: https://learn.microsoft.com/azure/event-grid/mqtt-access-control
"""

from emulator.arm.requests.errors import ArmError, conflict
from emulator.arm.resource_types.child_type import Checked, ChildType, Draft
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.names import SHORT_NAME
from emulator.arm.resource_types.published import without_published
from emulator.storage.resources import CLIENT_GROUP, PERMISSION_BINDING, TOPIC_SPACE, Resource
from emulator.storage.store import Store
from namespaces.authorization.group_queries import QueryError, parse_query
from namespaces.authorization.topic_access import EVERYONE, PUBLISHER, SUBSCRIBER
from namespaces.authorization.topic_templates import TemplateError, parse_template

MAX_TEMPLATES = 10


def _required(fields: Fields, name: str, hint: str) -> str:
    text = fields.text(name)
    if text is None or not text.strip():
        raise fields.error(name, f"'{fields.at(name)}' is missing. {hint}")
    return text


# Client groups


def check_client_group(draft: Draft) -> Checked:
    """Validate a client group. Raise `ArmError` (400) for an invalid query, which would match no client."""
    fields = draft.fields
    fields.require_known(("description", "query"))
    query = _required(fields, "query", "It selects the clients of the group, such as: attributes.type = 'sensor'")
    try:
        parse_query(query)
    except QueryError as error:
        raise fields.error("query", f"The client group query is not valid. {error}") from error
    return Checked({"description": fields.description(), "query": query, "provisioningState": "Succeeded"})


def all_clients_group(namespace: Resource) -> Resource:
    """Return the group `$all`, which is built into every namespace. Source: recorded traffic."""
    properties = {
        "description": "Default group with all clients.",
        "query": "true",
        "provisioningState": "Succeeded",
    }
    group_id = f"{namespace.id}/clientGroups/{EVERYONE}"
    return Resource(group_id, CLIENT_GROUP, EVERYONE, {"properties": properties, "systemData": None})


# Topic spaces


def check_topic_space(draft: Draft) -> Checked:
    """Validate a topic space. Raise `ArmError` (400) for an invalid template."""
    fields = without_published(draft.fields, "topicSpace")
    fields.require_known(("description", "topicTemplates"))
    templates = fields.texts("topicTemplates")
    if not 1 <= len(templates) <= MAX_TEMPLATES:
        raise fields.error(
            "topicTemplates",
            f"A topic space has 1 to {MAX_TEMPLATES} topic templates, not {len(templates)}.",
        )
    for number, template in enumerate(templates):
        try:
            parse_template(template, max_segments=draft.azure.max_topic_segments)
        except (TemplateError, UnicodeEncodeError) as error:
            raise fields.error(
                f"topicTemplates[{number}]", f"The topic template '{template[:300]!s}' is not valid. {error}"
            ) from error
    return Checked({"description": fields.description(), "topicTemplates": templates, "provisioningState": "Succeeded"})


# Permission bindings


def check_permission_binding(draft: Draft) -> Checked:
    """Validate a permission binding. Raise `ArmError` (400) if the group or the space does not exist.

    Names are returned as the group and the space are spelt, whatever the casing of the request.
    """
    fields = draft.fields
    fields.require_known(("clientGroupName", "description", "permission", "topicSpaceName"))
    group = _required(fields, "clientGroupName", f"Use the name of a client group of this namespace, or '{EVERYONE}'.")
    space = _required(fields, "topicSpaceName", "Use the name of a topic space of this namespace.")
    permission = fields.choice("permission", (PUBLISHER, SUBSCRIBER), None)
    if permission is None:
        raise fields.error("permission", f"'properties.permission' is missing. Use {PUBLISHER} or {SUBSCRIBER}.")
    if group.casefold() == EVERYONE:
        group = EVERYONE
    else:
        group = _existing_name(draft, "clientGroupName", CLIENT_GROUP, "client group", group)
    return Checked(
        {
            "description": fields.description(),
            "clientGroupName": group,
            "topicSpaceName": _existing_name(draft, "topicSpaceName", TOPIC_SPACE, "topic space", space),
            "permission": permission,
            "provisioningState": "Succeeded",
        }
    )


def _existing_name(draft: Draft, field: str, resource_type: str, label: str, name: str) -> str:
    segment = resource_type.rpartition("/")[2]
    found = None if "/" in name else draft.store.get(f"{draft.namespace.id}/{segment}/{name}")
    if found is None:
        raise draft.fields.error(
            field,
            f"The {label} '{name[:100]}' does not exist in namespace '{draft.namespace.name}'. Create it first.",
        )
    return found.name


def _require_unbound(namespace: Resource, found: Resource, store: Store, field: str, label: str) -> None:
    bindings = [
        binding.name
        for binding in store.children(namespace.id, PERMISSION_BINDING)
        if str(binding.properties.get(field, "")).casefold() == found.name.casefold()
    ]
    if bindings:
        raise _still_bound(label, found.name, bindings)


def _still_bound(label: str, name: str, bindings: list[str]) -> ArmError:
    named = ", ".join(f"'{binding}'" for binding in bindings[:5]) + (" and others" if len(bindings) > 5 else "")
    return conflict(
        f"The {label} '{name}' is used by the permission binding{'s' if len(bindings) > 1 else ''} {named}."
        f" Delete the binding first."
    )


CLIENT_GROUPS = ChildType(
    CLIENT_GROUP,
    "client group",
    SHORT_NAME,
    check_client_group,
    lambda limits, namespace: limits.client_groups,
    all_clients_group,
    lambda namespace, found, store: _require_unbound(namespace, found, store, "clientGroupName", "client group"),
)
TOPIC_SPACES = ChildType(
    TOPIC_SPACE,
    "topic space",
    SHORT_NAME,
    check_topic_space,
    lambda limits, namespace: limits.topic_spaces,
    check_delete=lambda namespace, found, store: _require_unbound(
        namespace, found, store, "topicSpaceName", "topic space"
    ),
)
PERMISSION_BINDINGS = ChildType(
    PERMISSION_BINDING,
    "permission binding",
    SHORT_NAME,
    check_permission_binding,
    lambda limits, namespace: limits.permission_bindings,
)

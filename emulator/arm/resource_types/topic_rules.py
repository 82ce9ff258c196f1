"""`namespaces/clientGroups`, `topicSpaces` and `permissionBindings`: who may publish and subscribe where."""

from emulator.arm.requests.errors import ArmError, conflict
from emulator.arm.resource_types.child_type import Checked, ChildType, Draft
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.names import SHORT_NAME
from emulator.storage.store import CLIENT_GROUP, PERMISSION_BINDING, TOPIC_SPACE, Resource, Store
from namespaces.authorization.group_queries import QueryError, parse_query
from namespaces.authorization.topic_access import EVERYONE, PUBLISHER, SUBSCRIBER
from namespaces.authorization.topic_templates import TemplateError, parse_template

MOST_TEMPLATES = 10


def _required(fields: Fields, name: str, what: str) -> str:
    text = fields.text(name)
    if text is None or not text.strip():
        raise fields.refuse(name, f"'{fields.at(name)}' is missing. {what}")
    return text


# Client groups


def check_client_group(draft: Draft) -> Checked:
    """Refuse a query that cannot be understood: it would put nobody into the group, without a word."""
    fields = draft.fields
    fields.require_known(("description", "query"))
    query = _required(fields, "query", "It says which clients belong to the group, such as: attributes.type = 'sensor'")
    try:
        parse_query(query)
    except QueryError as error:
        raise fields.refuse("query", f"The client group query is not valid. {error}") from error
    return Checked({"description": fields.text("description"), "query": query, "provisioningState": "Succeeded"})


def everyone_in(namespace: Resource) -> Resource:
    """The group `$all`, which Event Grid has in every namespace."""
    properties = {
        "description": "Default group with all clients.",
        "query": "true",
        "provisioningState": "Succeeded",
    }
    group_id = f"{namespace.id}/clientGroups/{EVERYONE}"
    return Resource(group_id, CLIENT_GROUP, EVERYONE, {"properties": properties, "systemData": None})


# Topic spaces


def check_topic_space(draft: Draft) -> Checked:
    """Refuse templates that cannot be understood."""
    fields = draft.fields
    fields.require_known(("description", "topicTemplates"))
    templates = fields.texts("topicTemplates")
    if not 1 <= len(templates) <= MOST_TEMPLATES:
        raise fields.refuse(
            "topicTemplates",
            f"A topic space has 1 to {MOST_TEMPLATES} topic templates; there are {len(templates)}.",
        )
    for number, template in enumerate(templates):
        try:
            parse_template(template)
        except (TemplateError, UnicodeEncodeError) as error:
            raise fields.refuse(
                f"topicTemplates[{number}]", f"The topic template '{template[:300]!s}' is not valid. {error}"
            ) from error
    return Checked(
        {"description": fields.text("description"), "topicTemplates": templates, "provisioningState": "Succeeded"}
    )


# Permission bindings


def check_permission_binding(draft: Draft) -> Checked:
    """Refuse a binding of what is not there. Names are answered as the group and the space are spelt."""
    fields = draft.fields
    fields.require_known(("clientGroupName", "description", "permission", "topicSpaceName"))
    group = _required(fields, "clientGroupName", f"Name a client group of this namespace, or '{EVERYONE}'.")
    space = _required(fields, "topicSpaceName", "Name a topic space of this namespace.")
    permission = fields.choice("permission", (PUBLISHER, SUBSCRIBER), None)
    if permission is None:
        raise fields.refuse("permission", f"'properties.permission' is missing. Use {PUBLISHER} or {SUBSCRIBER}.")
    if group.casefold() == EVERYONE:
        group = EVERYONE
    else:
        group = _referred_to(draft, "clientGroupName", CLIENT_GROUP, "client group", group)
    return Checked(
        {
            "description": fields.text("description"),
            "clientGroupName": group,
            "topicSpaceName": _referred_to(draft, "topicSpaceName", TOPIC_SPACE, "topic space", space),
            "permission": permission,
            "provisioningState": "Succeeded",
        }
    )


def _referred_to(draft: Draft, field: str, resource_type: str, label: str, name: str) -> str:
    segment = resource_type.rpartition("/")[2]
    found = None if "/" in name else draft.store.get(f"{draft.namespace.id}/{segment}/{name}")
    if found is None:
        raise draft.fields.refuse(
            field,
            f"The {label} '{name[:100]}' does not exist in namespace '{draft.namespace.name}'. Create it first.",
        )
    return found.name


def _refuse_while_bound(namespace: Resource, found: Resource, store: Store, field: str, label: str) -> None:
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
        f" Delete what uses it first."
    )


CLIENT_GROUPS = ChildType(
    CLIENT_GROUP,
    "client group",
    SHORT_NAME,
    check_client_group,
    lambda limits, namespace: limits.client_groups,
    everyone_in,
    lambda namespace, found, store: _refuse_while_bound(namespace, found, store, "clientGroupName", "client group"),
)
TOPIC_SPACES = ChildType(
    TOPIC_SPACE,
    "topic space",
    SHORT_NAME,
    check_topic_space,
    lambda limits, namespace: limits.topic_spaces,
    check_delete=lambda namespace, found, store: _refuse_while_bound(
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

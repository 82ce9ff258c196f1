"""The resource types below a namespace. To add one, write its `ChildType` in a module of its own and list it here."""

from emulator.arm.resource_types.ca_certificates import CA_CERTIFICATES
from emulator.arm.resource_types.child_type import ChildType
from emulator.arm.resource_types.clients import CLIENTS
from emulator.arm.resource_types.namespace_topics import NAMESPACE_TOPICS
from emulator.arm.resource_types.topic_rules import CLIENT_GROUPS, PERMISSION_BINDINGS, TOPIC_SPACES

# By path segment in lower case. Azure's resource provider lists the types in this order.
CHILD_TYPES: dict[str, ChildType] = {
    child_type.segment.casefold(): child_type
    for child_type in (CA_CERTIFICATES, CLIENTS, CLIENT_GROUPS, TOPIC_SPACES, PERMISSION_BINDINGS, NAMESPACE_TOPICS)
}

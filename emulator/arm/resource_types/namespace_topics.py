"""The type `namespaces/topics`: namespace topics, to which a namespace can route its MQTT messages.

The resource, its keys and its place in the routing of a namespace are emulated; publishing, event subscriptions and
deliveries are not.

Source: https://learn.microsoft.com/azure/templates/microsoft.eventgrid/namespaces/topics and
https://learn.microsoft.com/azure/event-grid/quotas-limits
"""

from emulator.arm.resource_types.child_type import Checked, ChildType, Draft
from emulator.arm.resource_types.names import SHORT_NAME
from emulator.storage.resources import NAMESPACE_TOPIC

PROPERTIES = ("eventRetentionInDays", "inputSchema", "publisherType")
MAX_RETENTION_DAYS = 7


def check_namespace_topic(draft: Draft) -> Checked:
    """Validate a namespace topic and fill in Azure's defaults. Raise `ArmError` (400)."""
    fields = draft.fields
    fields.require_known(PROPERTIES)
    return Checked(
        {
            "publisherType": fields.choice("publisherType", ("Custom",), "Custom"),
            "inputSchema": fields.choice("inputSchema", ("CloudEventSchemaV1_0",), "CloudEventSchemaV1_0"),
            "eventRetentionInDays": fields.integer("eventRetentionInDays", 1, MAX_RETENTION_DAYS, 1),
            "provisioningState": "Succeeded",
        }
    )


NAMESPACE_TOPICS = ChildType(
    NAMESPACE_TOPIC,
    "namespace topic",
    SHORT_NAME,
    check_namespace_topic,
    lambda limits, namespace: limits.namespace_topics,
    has_patch=True,
    has_keys=True,
)

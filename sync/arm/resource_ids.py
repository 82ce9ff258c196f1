"""ARM resource IDs."""

import re
import unicodedata
from dataclasses import dataclass

_SEGMENT = re.compile(r"[-A-Za-z0-9:._()$]+\Z")
# Resource groups may have letters of any language, and nothing that cannot be seen or means something in a URL.
_GROUP_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Nd", "Pc"})
_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/(?P<provider>[^/]+)/(?P<rest>.+)\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ResourceId:
    """The parts of an ARM ID. `type`: such as "Microsoft.EventGrid/namespaces/clients"; `kind`: its last step."""

    id: str
    subscription: str
    resource_group: str
    type: str
    kind: str
    name: str


def parse_resource_id(text: str) -> ResourceId:
    """Return the parts of an ARM ID.

    Raise ValueError for any other text, and for steps such as ".." that an HTTP client or a proxy would resolve: a
    DELETE of a client named ".." would reach the namespace.
    """
    match = _ID.match(text)
    if match is None:
        raise ValueError("not a resource id")
    every = text[1:].split("/")
    group = every.pop(3)
    if not is_group_name(group) or not all(is_segment(step) for step in every):
        raise ValueError("a resource id has no empty steps, no “.” or “..”, and no characters that a URL would change")
    steps = match["rest"].split("/")
    if len(steps) % 2:
        raise ValueError("a resource id ends with a name")
    type_steps = steps[::2]
    return ResourceId(
        id=text,
        subscription=match["subscription"],
        resource_group=match["group"],
        type="/".join([match["provider"], *type_steps]),
        kind=type_steps[-1],
        name=steps[-1],
    )


def is_segment(text: str) -> bool:
    """Return whether `text` can be one step of an ID, such as a type or a name."""
    return text not in {".", ".."} and bool(_SEGMENT.match(text))


def is_group_name(text: str) -> bool:
    """Return whether a resource group can have this name.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
    """
    return text not in {".", ".."} and all(
        letter in "-._()" or unicodedata.category(letter) in _GROUP_CATEGORIES for letter in text
    )


def subscription_of(arm_id: str) -> str:
    """Return the subscription of an ARM ID in lower case, or "" when it names none."""
    steps = arm_id.split("/", 3)
    return steps[2].lower() if len(steps) > 2 and steps[1].lower() == "subscriptions" else ""

"""The namespaces that the portal's credential sees in Azure, to pick one from."""

from dataclasses import dataclass, field

from certificates.x509.key_masking import masked
from namespaces.models import Namespace
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway


@dataclass(frozen=True)
class Choice:
    """One namespace in Azure. A connected one cannot be picked again."""

    resource_id: str
    name: str
    location: str
    resource_group: str
    is_connected: bool


@dataclass(frozen=True)
class Found:
    """What ARM lists, or why it does not."""

    choices: list[Choice] = field(default_factory=list)
    problem: str = ""


def namespaces_in_azure() -> Found:
    try:
        resources = [masked(resource) for resource in arm_gateway().list_namespaces()]
    except AzureRefused as refusal:
        return Found(problem=f"Azure refused to list the namespaces: {refusal.message}")
    except AzureUnreachable as outage:
        return Found(problem=f"Azure cannot be reached now ({outage.reason}). Paste the resource id, or try again.")
    connected = set(Namespace.objects.values_list("resource_key", flat=True))
    choices = [
        Choice(
            resource_id=str(resource["id"]),
            name=str(resource["name"]),
            location=str(resource.get("location") or ""),
            resource_group=_resource_group(str(resource["id"])),
            is_connected=str(resource["id"]).lower() in connected,
        )
        for resource in resources
    ]
    return Found(sorted(choices, key=lambda choice: (choice.is_connected, choice.name.lower())))


def _resource_group(resource_id: str) -> str:
    steps = resource_id.split("/")
    return steps[4] if len(steps) > 4 else ""

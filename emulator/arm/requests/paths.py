"""URL paths of ARM: from the raw request target to the resource or collection.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules and recorded traffic.
"""

from dataclasses import dataclass
from urllib.parse import unquote

from emulator.arm.requests.errors import ArmError

EVENT_GRID = "Microsoft.EventGrid"


def split_path(raw_path: str) -> tuple[str, ...]:
    """Return the decoded segments of a raw URL path. Empty segments are dropped, so `//` counts as `/`.

    Raise `ArmError` (400 InvalidResourceName) for `.` and `..`, which clients and proxies resolve to another resource,
    and for a slash or a NUL hidden in a segment.
    """
    segments = tuple(unquote(segment) for segment in raw_path.partition("?")[0].split("/") if segment)
    for segment in segments:
        if segment in (".", ".."):
            raise ArmError(400, "InvalidResourceName", f"'{segment}' cannot be part of a resource id.")
        if "/" in segment or "\0" in segment:
            raise ArmError(
                400, "InvalidResourceName", f"{segment!a} contains a character that a resource id cannot have."
            )
    return segments


@dataclass(frozen=True)
class ArmPath:
    """A path below a subscription, or below a provider outside subscriptions: then `subscription` is empty.

    `types` and `names` alternate in the path. A collection has one more type than names.
    """

    subscription: str
    group: str = ""
    provider: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def is_collection(self) -> bool:
        return len(self.types) > len(self.names)


def parse_arm_path(segments: tuple[str, ...]) -> ArmPath | None:
    """Return the ARM path in these segments, or None if they are not one."""
    if len(segments) > 2 and segments[0].casefold() == "providers":
        tail = segments[2:]
        return ArmPath("", "", segments[1], tail[0::2], tail[1::2])
    if len(segments) < 2 or segments[0].casefold() != "subscriptions":
        return None
    subscription, rest = segments[1], segments[2:]
    group = ""
    if len(rest) >= 2 and rest[0].casefold() == "resourcegroups":
        group, rest = rest[1], rest[2:]
    if not rest:
        return ArmPath(subscription, group)
    if rest[0].casefold() != "providers":
        # `/subscriptions/S/resources`, `/subscriptions/S/resourceGroups`: collections of ARM itself.
        return ArmPath(subscription, group, types=(rest[0],)) if len(rest) == 1 else None
    if len(rest) == 1:
        return ArmPath(subscription, group, types=("providers",))
    tail = rest[2:]
    return ArmPath(subscription, group, rest[1], tail[0::2], tail[1::2])

"""URL paths of ARM: from the raw request target to the resource or collection it names."""

from dataclasses import dataclass
from urllib.parse import unquote

from emulator.arm.requests.errors import ArmError

EVENT_GRID = "Microsoft.EventGrid"


def split_path(raw_path: str) -> tuple[str, ...]:
    """Decoded segments of a raw URL path. Empty segments vanish, so `//` counts as `/`.

    Raises `ArmError` for `.` and `..`: clients and proxies resolve them, and the request would reach another resource.
    """
    segments = tuple(unquote(segment) for segment in raw_path.partition("?")[0].split("/") if segment)
    for segment in segments:
        if segment in (".", ".."):
            raise ArmError(400, "InvalidResourceName", f"'{segment}' cannot be part of a resource id.")
        if "/" in segment or "\0" in segment:
            raise ArmError(400, "InvalidResourceName", f"{segment!a} has a character that a resource id cannot have.")
    return segments


@dataclass(frozen=True)
class ArmPath:
    """A path below a subscription. `types` and `names` alternate in it; a collection has one type more than names."""

    subscription: str
    group: str = ""
    provider: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def is_collection(self) -> bool:
        return len(self.types) > len(self.names)


def parse_arm_path(segments: tuple[str, ...]) -> ArmPath | None:
    """The ARM path in these segments; None when they do not start with `subscriptions/{id}` or have no such shape."""
    if len(segments) < 2 or segments[0].casefold() != "subscriptions":
        return None
    subscription, rest = segments[1], segments[2:]
    group = ""
    if len(rest) >= 2 and rest[0].casefold() == "resourcegroups":
        group, rest = rest[1], rest[2:]
    if not rest:
        return ArmPath(subscription, group)
    if rest[0].casefold() != "providers":
        # `/subscriptions/S/resources`, `/subscriptions/S/resourceGroups`: collections that belong to ARM itself.
        return ArmPath(subscription, group, types=(rest[0],)) if len(rest) == 1 else None
    if len(rest) == 1:
        return ArmPath(subscription, group, types=("providers",))
    tail = rest[2:]
    return ArmPath(subscription, group, rest[1], tail[0::2], tail[1::2])

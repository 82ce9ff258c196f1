"""Faults on demand for a training, where the target can make them: a setting names the gateway to its control.

Rules are kept to one namespace, so that a training in one disturbs nobody in another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from django.conf import settings

from portal import activity
from portal.deployment.renamed_paths import load
from portal.models import User
from sync.arm.gateway import arm_gateway
from sync.registry import Scope

MOST_REQUESTS = 1000


class CannotTrain(ValueError):  # noqa: N818 - says what is wrong
    """What was asked for is not possible; the message says why. `field` is the form's field, or ""."""

    def __init__(self, sentence: str, field_name: str = "") -> None:
        super().__init__(sentence)
        self.field = field_name


@dataclass(frozen=True)
class Lesson:
    """A fault in words, and the rule that makes it."""

    code: str
    title: str
    sentence: str
    rule: Mapping[str, Any] = field(default_factory=dict)


WRITES = ["PUT", "PATCH", "DELETE"]
LESSONS = (
    Lesson(
        "slow",
        "Azure is slow",
        "Each answer takes 2 s, give or take 1 s.",
        {"kind": "latency", "seconds": 2, "jitter": 1},
    ),
    Lesson("throttled", "Azure throttles", "429, with the advice to wait 5 s.", {"kind": "throttle", "retry_after": 5}),
    Lesson("broken", "Azure breaks down", "503 Service Unavailable.", {"kind": "error", "status": 503}),
    Lesson(
        "forbidden",
        "The portal lost its rights",
        "403 for each change: it stays refused until somebody retries it.",
        {"kind": "error", "status": 403, "methods": WRITES},
    ),
    Lesson(
        "conflict",
        "Somebody else is changing it",
        "409 Conflict for each change.",
        {"kind": "error", "status": 409, "methods": WRITES},
    ),
    Lesson("reset", "The connection is cut", "Before the request arrives.", {"kind": "reset"}),
    Lesson(
        "lost",
        "Answers are lost",
        "A change is carried out, then the connection is cut: the portal does not know.",
        {"kind": "reset", "after": True, "methods": WRITES},
    ),
    Lesson("torn", "Answers are torn", "Half of the answer comes.", {"kind": "torn"}),
    Lesson(
        "long",
        "Azure takes its time",
        "A change is accepted, and done 5 s later.",
        {"kind": "long-running", "seconds": 5},
    ),
    Lesson(
        "failing",
        "Accepted, then failed",
        "A change is accepted, and fails 3 s later.",
        {"kind": "failing", "seconds": 3},
    ),
    Lesson(
        "stale",
        "Reads lag behind",
        "For 10 s after a change, what was before is read.",
        {"kind": "stale", "seconds": 10},
    ),
)


@dataclass(frozen=True)
class Running:
    """A rule in force in this namespace."""

    id: str
    title: str
    share: int  # percent of the requests
    left: int | None  # requests until it ends by itself
    hits: int


@dataclass(frozen=True)
class State:
    """What is in force: here, and by others or for all."""

    here: tuple[Running, ...]
    elsewhere: int


class FaultControl(Protocol):
    """Where faults are turned on and off. Each raises AzureRefused, AzureUnreachable."""

    def all(self) -> Sequence[Mapping[str, Any]]: ...

    def add(self, rule: Mapping[str, Any]) -> None: ...

    def remove(self, rule_id: str) -> None: ...


class EmulatorFaults:
    """The emulator's: GET, POST and DELETE /emulator/faults, beside its ARM."""

    def all(self) -> Sequence[Mapping[str, Any]]:
        return list(arm_gateway().beside("GET", "/emulator/faults").get("value") or [])

    def add(self, rule: Mapping[str, Any]) -> None:
        arm_gateway().beside("POST", "/emulator/faults", rule)

    def remove(self, rule_id: str) -> None:
        arm_gateway().beside("DELETE", f"/emulator/faults/{rule_id}")


@cache
def _control_of(path: str) -> FaultControl:
    control: FaultControl = load(path)()
    return control


def fault_control() -> FaultControl | None:
    """The target's control, or None where it has none."""
    return _control_of(settings.FAULT_CONTROL_GATEWAY) if settings.FAULT_CONTROL_GATEWAY else None


def _inside(scope: Scope) -> str:
    return f"{scope.resource_id}/*"


def state_of(control: FaultControl, scope: Scope) -> State:
    """What is in force now. Raises AzureRefused, AzureUnreachable."""
    rules = control.all()
    here = [rule for rule in rules if str(rule.get("path", "")).lower() == _inside(scope).lower()]
    return State(tuple(_running(rule) for rule in here), len(rules) - len(here))


def _running(rule: Mapping[str, Any]) -> Running:
    fitting = [each for each in LESSONS if all(rule.get(key) == value for key, value in each.rule.items())]
    lesson = max(fitting, key=lambda each: len(each.rule), default=None)
    title = lesson.title if lesson else str(rule.get("kind"))
    share = round(100 * float(rule.get("rate", 1)))
    return Running(str(rule.get("id", "")), title, share, rule.get("count"), int(rule.get("hits") or 0))


def turn_on(actor: User, control: FaultControl, scope: Scope, *, code: str, share: str, count: str) -> Lesson:
    """Put a lesson in force. Raises CannotTrain, AzureRefused, AzureUnreachable."""
    lesson = next((each for each in LESSONS if each.code == code), None)
    if lesson is None:
        raise CannotTrain("Choose one of the faults.", "fault")
    percent = _number(share, "share", 1, 100, "A share is from 1 to 100 percent.")
    rule: dict[str, Any] = {**lesson.rule, "path": _inside(scope), "rate": percent / 100}
    if count.strip():
        rule["count"] = _number(count, "count", 1, MOST_REQUESTS, f"From 1 to {MOST_REQUESTS} requests, or none.")
    control.add(rule)
    _record(actor, scope, "Turn fault on", lesson.title, {"share": f"{percent} %", "requests": rule.get("count")})
    return lesson


def turn_off(actor: User, control: FaultControl, scope: Scope, *, rule_id: str = "") -> int:
    """End one rule of this namespace, or all of them. Answers how many. Raises AzureRefused, AzureUnreachable."""
    ended = [each for each in state_of(control, scope).here if rule_id in {"", each.id}]
    for each in ended:
        control.remove(each.id)
        _record(actor, scope, "Turn fault off", each.title, None)
    return len(ended)


def _number(text: str, field_name: str, least: int, most: int, sentence: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most):
        raise CannotTrain(sentence, field_name)
    return int(text)


def _record(actor: User, scope: Scope, verb: str, title: str, after: Mapping[str, Any] | None) -> None:
    activity.record(
        actor,
        verb=verb,
        kind="sync.fault",
        object_pk=None,
        object_name=title,
        scope=scope.pk,
        scope_name=scope.name,
        after=after,
    )

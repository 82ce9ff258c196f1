"""Faults on demand for training, where the target offers them: a setting names the gateway to its control.

Each rule applies to one namespace, so that training in one does not disturb another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
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
    """The requested fault is not possible; the message says why. `field` is the form's field, or ""."""

    def __init__(self, sentence: str, field_name: str = "") -> None:
        super().__init__(sentence)
        self.field = field_name


@dataclass(frozen=True)
class Lesson:
    """A fault as people read it, what there is to see, and the emulator's rule for it."""

    code: str
    title: str
    sentence: str
    rule: Mapping[str, Any] = field(default_factory=dict)
    watch: str = ""

    @property
    def is_of_webhook(self) -> bool:
        """Whether it disturbs the webhook that decides about CONNECTs, and not requests to Azure."""
        return str(self.rule.get("kind", "")).startswith("webhook-")


WRITES = ["PUT", "PATCH", "DELETE"]
LESSONS = (
    Lesson(
        "slow",
        "Azure is slow",
        "Each response takes 1 to 3 seconds.",
        {"kind": "latency", "seconds": 2, "jitter": 1},
    ),
    Lesson(
        "throttled",
        "Azure throttles",
        "429 Too Many Requests, asking to wait 5 seconds.",
        {"kind": "throttle", "retry_after": 5},
    ),
    Lesson("broken", "Azure fails", "503 Service Unavailable.", {"kind": "error", "status": 503}),
    Lesson(
        "forbidden",
        "The portal lost its permissions",
        "403 Forbidden for each change, which stays rejected until it is retried.",
        {"kind": "error", "status": 403, "methods": WRITES},
    ),
    Lesson(
        "conflict",
        "Another change is in progress",
        "409 Conflict for each change.",
        {"kind": "error", "status": 409, "methods": WRITES},
    ),
    Lesson("reset", "The connection is reset", "Before the request arrives.", {"kind": "reset"}),
    Lesson(
        "lost",
        "Responses are lost",
        "Azure applies a change, then resets the connection: the portal does not know the outcome.",
        {"kind": "reset", "after": True, "methods": WRITES},
    ),
    Lesson("torn", "Responses are cut off", "Half of each response arrives.", {"kind": "torn"}),
    Lesson(
        "long",
        "Changes take long",
        "A change is accepted, and completes 5 seconds later.",
        {"kind": "long-running", "seconds": 5},
    ),
    Lesson(
        "failing",
        "Accepted, then failed",
        "A change is accepted, and fails 3 seconds later.",
        {"kind": "failing", "seconds": 3},
    ),
    Lesson(
        "stale",
        "Reads lag behind",
        "For 10 seconds after a change, reads return the previous state.",
        {"kind": "stale", "seconds": 10},
    ),
    Lesson(
        "webhook-slow",
        "The webhook is slow",
        "It is asked 10 seconds late. A device waits 5 seconds.",
        {"kind": "webhook-slow", "seconds": 10},
        "After 5 seconds, devices hear Server unavailable (0x88; in MQTT 3.1.1: 3), and try again. Connections shows them as Webhook did not"
        " answer in time. Connected devices stay.",
    ),
    Lesson(
        "webhook-down",
        "The webhook is down",
        "It cannot be reached.",
        {"kind": "webhook-down"},
        "Devices hear Server unavailable (0x88; in MQTT 3.1.1: 3) at once, and try again. Connections shows them as Webhook not reachable."
        " Connected devices stay.",
    ),
    Lesson(
        "webhook-wrong",
        "The webhook answers wrongly",
        "Its answer is neither allow nor deny.",
        {"kind": "webhook-wrong"},
        "Devices hear Server unavailable (0x88; in MQTT 3.1.1: 3): an answer that nobody understands allows nothing and denies nothing."
        " Connections shows them as Webhook's answer not understood.",
    ),
)


@dataclass(frozen=True)
class Running:
    """An active fault of this namespace. `code`: its lesson, or "" for a rule added outside the portal."""

    id: str
    code: str
    title: str
    share: int  # percent of the requests
    left: int | None  # requests until it ends automatically
    hits: int
    watch: str = ""


@dataclass(frozen=True)
class State:
    """Active faults: of this namespace, and the number elsewhere."""

    here: tuple[Running, ...]
    elsewhere: int


class FaultControl(Protocol):
    """Turns faults on and off. Each method raises AzureRefused or AzureUnreachable."""

    def all(self) -> Sequence[Mapping[str, Any]]: ...

    def add(self, rule: Mapping[str, Any]) -> str:
        """Turn a fault on, and return the id of its rule."""

    def remove(self, rule_id: str) -> None: ...

    def replace_namespaces(
        self, put: Sequence[Mapping[str, Any]], deleted: Sequence[str] = ()
    ) -> Sequence[Mapping[str, Any]]:
        """Delete namespaces with everything in them, those of `put` too, and create `put` again. Return these."""

    def judge_ahead(self, namespace_ids: Sequence[str], ahead: timedelta) -> None:
        """Judge the certificates of these namespaces as if it were later. Zero: by the clock again."""

    def webhook_orders(self) -> Mapping[str, Any]:
        """Return the `default` order, and under `value` the namespaces with a webhook or an order of their own."""

    def switch_webhook_order(self, namespace_ids: Sequence[str], order: str) -> None:
        """Choose who is asked first where a webhook decides."""


class EmulatorFaults:
    """The emulator's control: GET, POST and DELETE /emulator/faults, beside its ARM."""

    def all(self) -> Sequence[Mapping[str, Any]]:
        return list(arm_gateway().beside("GET", "/emulator/faults").get("value") or [])

    def add(self, rule: Mapping[str, Any]) -> str:
        return str(arm_gateway().beside("POST", "/emulator/faults", rule).get("id", ""))

    def remove(self, rule_id: str) -> None:
        arm_gateway().beside("DELETE", f"/emulator/faults/{rule_id}")

    def replace_namespaces(
        self, put: Sequence[Mapping[str, Any]], deleted: Sequence[str] = ()
    ) -> Sequence[Mapping[str, Any]]:
        wanted = {"put": list(put), "delete": list(deleted)}
        return list(arm_gateway().beside("POST", "/emulator/namespaces", wanted).get("value") or [])

    def judge_ahead(self, namespace_ids: Sequence[str], ahead: timedelta) -> None:
        wanted = {"namespaces": list(namespace_ids), "aheadSeconds": int(ahead.total_seconds())}
        arm_gateway().beside("POST", "/emulator/judging", wanted)

    def webhook_orders(self) -> Mapping[str, Any]:
        return arm_gateway().beside("GET", "/emulator/webhook-order")

    def switch_webhook_order(self, namespace_ids: Sequence[str], order: str) -> None:
        arm_gateway().beside("POST", "/emulator/webhook-order", {"namespaces": list(namespace_ids), "order": order})


@cache
def _control_of(path: str) -> FaultControl:
    control: FaultControl = load(path)()
    return control


def fault_control() -> FaultControl | None:
    """Return the target's control, or None where it has none."""
    return _control_of(settings.FAULT_CONTROL_GATEWAY) if settings.FAULT_CONTROL_GATEWAY else None


def _path(scope: Scope, lesson: Lesson) -> str:
    """Return what a lesson disturbs: the contents of a namespace, or the questions about its clients."""
    return scope.resource_id if lesson.is_of_webhook else f"{scope.resource_id}/*"


def state_of(control: FaultControl, scope: Scope) -> State:
    """Return the active faults. Raise AzureRefused or AzureUnreachable."""
    rules = control.all()
    own = {scope.resource_id.lower(), f"{scope.resource_id}/*".lower()}
    here = [rule for rule in rules if str(rule.get("path", "")).lower() in own]
    return State(tuple(_running(rule) for rule in here), len(rules) - len(here))


def _running(rule: Mapping[str, Any]) -> Running:
    fitting = [each for each in LESSONS if all(rule.get(key) == value for key, value in each.rule.items())]
    lesson = max(fitting, key=lambda each: len(each.rule), default=None)
    code, title, watch = (lesson.code, lesson.title, lesson.watch) if lesson else ("", str(rule.get("kind")), "")
    share = round(100 * float(rule.get("rate", 1)))
    return Running(str(rule.get("id", "")), code, title, share, rule.get("count"), int(rule.get("hits") or 0), watch)


def turn_on(actor: User, control: FaultControl, scope: Scope, *, code: str, share: str, count: str) -> Lesson:
    """Turn a fault on. Raise CannotTrain, AzureRefused or AzureUnreachable."""
    lesson = next((each for each in LESSONS if each.code == code), None)
    if lesson is None:
        raise CannotTrain("Choose a fault.", "fault")
    percent = _number(share, "share", 1, 100, "Enter a share from 1 to 100 percent.")
    rule: dict[str, Any] = {**lesson.rule, "path": _path(scope, lesson), "rate": percent / 100}
    if count.strip():
        rule["count"] = _number(
            count, "count", 1, MOST_REQUESTS, f"Enter a number from 1 to {MOST_REQUESTS}, or leave the field empty."
        )
    control.add(rule)
    _record(actor, scope, "Turn fault on", lesson.title, {"share": f"{percent} %", "requests": rule.get("count")})
    return lesson


def turn_off(actor: User, control: FaultControl, scope: Scope, *, rule_id: str = "") -> int:
    """Turn one fault of this namespace off, or all; return the number. Raise AzureRefused or AzureUnreachable."""
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

"""The faults in force, and which of them a request gets."""

import asyncio
import math
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.throttle import Throttle
from emulator.fault_rules import WEBHOOK_KINDS, Fault, WebhookPlan

MAX_RULES = 100
ARM = "/subscriptions"


@dataclass
class Plan:
    """The faults of one request."""

    delay: float = 0.0  # seconds
    ending: Fault | None = None  # replaces the response or breaks the connection
    operation: Fault | None = None  # long-running or failing
    stale: float = 0.0  # seconds

    def ends_with(self, kind: str, *, after: bool) -> bool:
        """Whether the request ends with this kind of fault, before or `after` it has been carried out."""
        return self.ending is not None and self.ending.kind == kind and self.ending.after is after


class ActiveFaults:
    """The faults in force, in the order in which they were added. `initial` are those from the command line.

    `set_outages` gets the patterns of the namespaces whose MQTT endpoints are down, whenever they change.
    """

    def __init__(
        self,
        throttle: Throttle,
        initial: tuple[Fault, ...] = (),
        set_outages: Callable[[Sequence[str]], None] = lambda patterns: None,
    ) -> None:
        self._throttle = throttle
        self._set_outages = set_outages
        self._initial = initial
        self._rules: dict[str, Fault] = {}
        self._cleared = asyncio.Event()
        self._random = random.Random()  # noqa: S311  not for secrets
        self.restore()

    def all(self) -> list[Fault]:
        return list(self._rules.values())

    def add(self, fault: Fault) -> Fault:
        """Add a fault and return it with its new id. Raise `ArmError` (400 QuotaExceeded) if there are too many."""
        if len(self._rules) >= MAX_RULES:
            raise ArmError(400, "QuotaExceeded", f"There are already {MAX_RULES} faults. Delete some.")
        added = replace(fault, id=secrets.token_hex(4), hits=0)
        self._rules[added.id] = added
        if added.kind == "broker-down":
            asyncio.get_running_loop().call_later(added.duration, self.remove, added.id)
        self._update()
        return added

    def remove(self, fault_id: str) -> bool:
        """Remove a fault and return whether it existed."""
        found = self._rules.pop(fault_id, None)
        self._update()
        return found is not None

    def clear(self) -> None:
        """Remove all faults. Delayed requests continue at once."""
        self._rules.clear()
        self._update()
        self._cleared.set()
        self._cleared = asyncio.Event()

    def restore(self) -> None:
        """Go back to the faults from the command line."""
        self.clear()
        for fault in self._initial:
            self.add(fault)

    def _update(self) -> None:
        self._throttle.enforce(any(fault.kind == "token-buckets" for fault in self._rules.values()))
        self._set_outages([fault.path for fault in self._rules.values() if fault.kind == "broker-down"])

    def plan(self, method: str, path: str) -> Plan:
        """Return the faults of this request, and count it in each."""
        plan = Plan()
        for fault in self.all():
            if self._matches(fault, method, path) and self._include(plan, fault, method, path):
                self._count(fault)
        return plan

    def _include(self, plan: Plan, fault: Fault, method: str, path: str) -> bool:
        """Add a fault to the plan. Return False if it has no effect on this request."""
        match fault.kind:
            case "token-buckets" | "broker-down" | "webhook-slow" | "webhook-down" | "webhook-wrong":
                return False  # see `_update` and `webhook_plan`
            case "latency":
                plan.delay += max(0.0, fault.duration + self._random.uniform(-fault.jitter, fault.jitter))
            case "long-running" | "failing":
                if plan.operation is not None or not _can_be_long_running(method, path):
                    return False
                plan.operation = fault
            case "stale":
                if method in ("GET", "HEAD"):
                    return False
                plan.stale = max(plan.stale, fault.duration)
            case _:
                if plan.ending is not None:
                    return False
                plan.ending = fault
        return True

    def webhook_plan(self, namespace_id: str) -> WebhookPlan:
        """Return the faults of one question to the webhook of a namespace, and count it in each."""
        plan = WebhookPlan()
        for fault in self.all():
            if fault.kind in WEBHOOK_KINDS and self._matches(fault, "POST", namespace_id):
                plan = _with_fault(plan, fault, self._random.uniform(-fault.jitter, fault.jitter))
                self._count(fault)
        return plan

    def _matches(self, fault: Fault, method: str, path: str) -> bool:
        return (
            (not fault.methods or method in fault.methods)
            # "*" means every path of ARM: if it included the token endpoint, nobody could sign in to remove the fault.
            and (path.casefold().startswith(ARM) or not fault.path.startswith("*"))
            and fnmatchcase(path.casefold(), fault.path.casefold())
            and (fault.rate >= 1 or self._random.random() < fault.rate)
        )

    def _count(self, fault: Fault) -> None:
        left = None if fault.count is None else fault.count - 1
        if left == 0:
            del self._rules[fault.id]
        else:
            self._rules[fault.id] = replace(fault, count=left, hits=fault.hits + 1)

    async def wait(self, delay: float) -> None:
        """Wait `delay` seconds, or until the faults are cleared."""
        if delay > 0:
            try:
                await asyncio.wait_for(self._cleared.wait(), delay)
            except TimeoutError:
                return


def _with_fault(plan: WebhookPlan, fault: Fault, jitter: float) -> WebhookPlan:
    if fault.kind == "webhook-slow":
        return replace(plan, delay=plan.delay + max(0.0, fault.duration + jitter))
    return replace(plan, **{"is_down" if fault.kind == "webhook-down" else "is_wrong": True})


def _can_be_long_running(method: str, path: str) -> bool:
    """Only writes of Event Grid resources have an operation that a client can poll."""
    return method in ("PUT", "PATCH", "DELETE") and "/providers/microsoft.eventgrid/namespaces/" in path.casefold()


def error_of(fault: Fault, remaining: str) -> ArmError:
    """Return the response to a request with an `error` or `throttle` fault.

    `remaining` is the name of ARM's rate-limit header for the method of the request.
    """
    if fault.kind == "throttle":
        wait = 1 if fault.retry_after is None else fault.retry_after
        return ArmError(
            429,
            fault.code or "SubscriptionRequestsThrottled",
            fault.message or f"Too many requests. Try again after {wait} seconds.",
            headers={"Retry-After": str(wait), remaining: "0"},
        )
    headers = {} if fault.retry_after is None else {"Retry-After": str(math.ceil(fault.retry_after))}
    message = fault.message or f"A fault of the emulator returns status {fault.status}."
    return ArmError(fault.status, fault.error_code, message, headers=headers)

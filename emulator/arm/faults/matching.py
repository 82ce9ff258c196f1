"""Which fault strikes which request."""

import asyncio
import math
import random
import secrets
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.throttle import Throttle
from emulator.fault_rules import Fault

MOST_RULES = 100
ARM = "/subscriptions"


@dataclass
class Plan:
    """What happens to one request. `ending` is the fault that answers it, if one does."""

    delay: float = 0.0
    ending: Fault | None = None
    operation: Fault | None = None  # long-running or failing
    stale: float = 0.0  # seconds

    def strikes(self, kind: str, *, after: bool) -> bool:
        return self.ending is not None and self.ending.kind == kind and self.ending.after is after


class Faults:
    """The rules that are in force, in the order in which they were made."""

    def __init__(self, throttle: Throttle, rules: tuple[Fault, ...] = ()) -> None:
        self._throttle = throttle
        self._initial = rules
        self._rules: dict[str, Fault] = {}
        self._cleared = asyncio.Event()
        self._random = random.Random()  # noqa: S311  chance, not secrecy
        self.restore()

    def all(self) -> list[Fault]:
        return list(self._rules.values())

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force; the answer has its id. Raises `ArmError` when there are too many."""
        if len(self._rules) >= MOST_RULES:
            raise ArmError(400, "QuotaExceeded", f"There are {MOST_RULES} faults already. Delete some.")
        made = replace(fault, id=secrets.token_hex(4), hits=0)
        self._rules[made.id] = made
        self._apply()
        return made

    def remove(self, fault_id: str) -> bool:
        found = self._rules.pop(fault_id, None)
        self._apply()
        return found is not None

    def clear(self) -> None:
        """End all rules; requests that are kept waiting go on at once."""
        self._rules.clear()
        self._apply()
        self._cleared.set()
        self._cleared = asyncio.Event()

    def restore(self) -> None:
        """End all rules but those that the emulator was started with."""
        self.clear()
        for fault in self._initial:
            self.add(fault)

    def _apply(self) -> None:
        self._throttle.enforce(any(fault.kind == "token-buckets" for fault in self._rules.values()))

    def plan(self, method: str, path: str) -> Plan:
        """What the rules do to this request. Counts it."""
        plan = Plan()
        for fault in self.all():
            if fault.kind == "token-buckets" or not self._takes(fault, method, path):
                continue
            if fault.kind == "latency":
                plan.delay += max(0.0, fault.lasts + self._random.uniform(-fault.jitter, fault.jitter))
            elif fault.kind in ("long-running", "failing"):
                if plan.operation is not None or not _may_take_long(method, path):
                    continue
                plan.operation = fault
            elif fault.kind == "stale":
                if method in ("GET", "HEAD"):
                    continue
                plan.stale = max(plan.stale, fault.lasts)
            elif plan.ending is None:
                plan.ending = fault
            else:
                continue
            self._count(fault)
        return plan

    def _takes(self, fault: Fault, method: str, path: str) -> bool:
        return (
            (not fault.methods or method in fault.methods)
            # "*" means all of ARM: without tokens nobody could end the fault that takes them away.
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
        """Let the time of a latency pass, or until the rules are cleared."""
        if delay > 0:
            try:
                await asyncio.wait_for(self._cleared.wait(), delay)
            except TimeoutError:
                return


def _may_take_long(method: str, path: str) -> bool:
    """Only writes of Event Grid's resources are operations that can be asked about."""
    return method in ("PUT", "PATCH", "DELETE") and "/providers/microsoft.eventgrid/namespaces/" in path.casefold()


def refusal(fault: Fault, remaining: str) -> ArmError:
    """What an `error` or a `throttle` answers. `remaining`: the name of ARM's rate-limit header for this method."""
    if fault.kind == "throttle":
        wait = 1 if fault.retry_after is None else fault.retry_after
        return ArmError(
            429,
            fault.code or "SubscriptionRequestsThrottled",
            fault.message or f"Too many requests. Try again after {wait} seconds.",
            headers={"Retry-After": str(wait), remaining: "0"},
        )
    headers = {} if fault.retry_after is None else {"Retry-After": str(math.ceil(fault.retry_after))}
    message = fault.message or f"The emulator was asked to answer {fault.status}."
    return ArmError(fault.status, fault.error_code, message, headers=headers)

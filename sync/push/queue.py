"""The rows that are due, in push order, as far as the budgets allow."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from sync import registry
from sync.arm.resource_ids import subscription_of
from sync.models import SyncedModel
from sync.throttling import budget

LOOK_AGAIN = 0.2  # seconds: in a bulk of one type, the others are not asked for with every batch


@dataclass(frozen=True)
class Candidate:
    """A row that is due, and the budget that its push uses."""

    model: type[SyncedModel]
    pk: int
    scope_id: str
    lane: int
    due_at: datetime
    is_deletion: bool

    @property
    def subscription(self) -> str:
        return subscription_of(self.scope_id)

    @property
    def operation(self) -> str:
        return "deletes" if self.is_deletion else "writes"


class Queue:
    """Selects due rows. Remembers empty budgets, so that rows of other subscriptions go on."""

    def __init__(self) -> None:
        self._empty: dict[tuple[str, str], float] = {}  # (subscription, operation) → time.monotonic() to look again
        self._quiet: dict[type[SyncedModel], float] = {}  # had nothing while others were busy → when to look again

    def take(self, room: int) -> list[Candidate]:
        """Return up to `room` rows to claim now, urgent ones first. Their requests are reserved in the budgets."""
        now = time.monotonic()
        self._empty = {key: at for key, at in self._empty.items() if at > now}
        due = {model: self._due(model, room) for model in registry.models() if self._quiet.get(model, 0.0) <= now}
        if any(due.values()):
            self._quiet |= {model: now + LOOK_AGAIN for model, found in due.items() if not found}
        candidates = sorted(
            (candidate for found in due.values() for candidate in found),
            key=lambda candidate: (candidate.lane, candidate.due_at),
        )[:room]
        groups: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            groups[(candidate.subscription, candidate.operation)].append(candidate)
        taken = []
        for (subscription, operation), group in groups.items():
            grant = budget.reserve(subscription, operation, len(group))
            taken += group[: grant.count]
            if grant.count < len(group):
                self._empty[(subscription, operation)] = now + grant.wait
        return taken

    def wait(self) -> float:
        """Return the seconds until an empty budget may have requests again; 0 if none is empty."""
        now = time.monotonic()
        return min((max(at - now, 0.0) for at in self._empty.values()), default=0.0)

    def _due(self, model: type[SyncedModel], room: int) -> list[Candidate]:
        manager: Any = model._default_manager
        rows = manager.due(timezone.now())
        for subscription, operation in self._empty:
            inside = {f"{model.scope_id_path}__istartswith": f"/subscriptions/{subscription}/"}
            rows = rows.exclude(Q(**inside), deleted_at__isnull=operation != "deletes")
        columns = rows.order_by("lane", "due_at").values_list("pk", model.scope_id_path, "lane", "due_at", "deleted_at")
        return [
            Candidate(model, pk, scope_id, lane, due_at, deleted_at is not None)
            for pk, scope_id, lane, due_at, deleted_at in columns[:room]
        ]


MEANWHILE = timedelta(seconds=1)  # longer than between a pump's last look at what is due and this question


def soonest(within: float) -> float | None:
    """Return the seconds until the next row may be retried; None if that is not within `within` seconds.

    A row that became due since the caller checked counts as 0.
    """
    now = timezone.now()
    found = []
    for model in registry.models():
        manager: Any = model._default_manager
        later = manager.unsettled().filter(
            parked_code="",
            waits_for="",  # waiting for another row may take long: the sweep handles that
            claim_token__isnull=True,
            next_attempt_at__gt=now - MEANWHILE,
            next_attempt_at__lte=now + timedelta(seconds=within),
        )
        first = later.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
        found += [first] if first is not None else []
    return max((min(found) - now).total_seconds(), 0.0) if found else None


def anything_due() -> bool:
    """Whether a row is due now."""
    now = timezone.now()
    managers: list[Any] = [model._default_manager for model in registry.models()]
    return any(manager.due(now).exists() for manager in managers)


def new_in(model: type[SyncedModel], scope_ids: Sequence[str]) -> dict[str, int]:
    """Return the number of rows of a model to be created in each namespace now, by its ARM id."""
    manager: Any = model._default_manager
    new = manager.due(timezone.now()).present().filter(base__isnull=True)
    rows = new.filter(**{f"{model.scope_id_path}__in": list(scope_ids)})
    return dict(rows.order_by().values_list(model.scope_id_path).annotate(Count("pk")))

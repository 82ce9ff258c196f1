"""List whole collections, so that a thousand new rows need a few reads instead of a thousand.

Existing resources are read one by one, right before their PUT: ARM allows more reads than writes.
"""

import time
from collections.abc import Sequence, Set
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from sync.arm.call_recording import Call, recorded
from sync.arm.gateway import ArmGateway, AzureRefused, AzureUnreachable
from sync.arm.resource_ids import subscription_of
from sync.models import SyncedModel
from sync.push import queue
from sync.push.claim_and_settle import Pushed
from sync.push.delivery import Delivery
from sync.throttling import budget

FRESH_SECONDS = 15.0
WORTH_IT = 40  # new rows that wait for one collection
PAGE = 100

Key = tuple[type[SyncedModel], str]


@dataclass
class _Listing:
    """`names`, in lower case, is None while they are being fetched, and when that failed."""

    begun: float
    future: Future[tuple[set[str] | None, list[Call]]]
    names: set[str] | None = None
    calls: list[Call] = field(default_factory=list)


class Collections:
    """Fresh listings by model and namespace. Used by the pump's thread only; fetched in another."""

    def __init__(self, gateway: ArmGateway) -> None:
        self._gateway = gateway
        self._listings: dict[Key, _Listing] = {}
        self._calls: list[Call] = []

    @property
    def are_coming(self) -> bool:
        """Whether a listing is being fetched."""
        return any(not listing.future.done() for listing in self._listings.values())

    def fresh(
        self, model: type[SyncedModel], group: Sequence[queue.Candidate], threads: Executor
    ) -> dict[str, Set[str]]:
        """Return the names in use in the namespaces of `group`, by namespace id. Starts a listing where one saves requests."""
        scopes = {candidate.scope_id for candidate in group if not candidate.is_deletion}
        now = time.monotonic()
        unlisted = [scope for scope in scopes if not self._is_fresh((model, scope), now)]
        if unlisted and len(group) > 1:
            self._begin(model, unlisted, threads, now)
        found: dict[str, Set[str]] = {}
        for scope in scopes:
            listing = self._listings.get((model, scope))
            if listing is not None:
                self._collect(listing)
                if listing.names is not None and now - listing.begun < FRESH_SECONDS:
                    found[scope] = listing.names
        return found

    def note(self, delivery: Delivery, outcome: Pushed) -> None:
        """Update a listing after a push: a name we deleted is free, any other is read from now on."""
        namespace, _, name = delivery.row.arm_id().rsplit("/", 2)
        listing = self._listings.get((type(delivery.row), namespace))
        if listing is None or listing.names is None:
            return
        if delivery.end == "deleted" and outcome is Pushed.SUCCEEDED:
            listing.names.discard(name.lower())
        else:
            listing.names.add(name.lower())

    def calls(self) -> list[Call]:
        """Return the requests made since the last call, for the budgets."""
        calls, self._calls = self._calls, []
        return calls

    def _is_fresh(self, key: Key, now: float) -> bool:
        listing = self._listings.get(key)
        return listing is not None and now - listing.begun < FRESH_SECONDS

    def _begin(self, model: type[SyncedModel], scopes: Sequence[str], threads: Executor, now: float) -> None:
        for scope, waiting in queue.new_in(model, scopes).items():
            manager: Any = model._default_manager
            pages = manager.filter(**{model.scope_id_path: scope}, base__isnull=False).count() // PAGE + 1
            if waiting >= max(WORTH_IT, 2 * pages) and self._may_read(scope, pages):
                self._listings[(model, scope)] = _Listing(now, threads.submit(self._fetch, scope, model.arm_type))

    @staticmethod
    def _may_read(scope: str, pages: int) -> bool:
        """Reserve that many reads; if the budget has fewer, each push reads for itself within its own share."""
        subscription = subscription_of(scope)
        grant = budget.reserve(subscription, "reads", pages)
        if grant.count < pages:
            budget.give_back(subscription, "reads", grant.count)
        return grant.count == pages

    def _fetch(self, scope: str, arm_type: str) -> tuple[set[str] | None, list[Call]]:
        with recorded() as calls:
            try:
                names = {str(found["name"]).lower() for found in self._gateway.list_children(scope, arm_type)}
            except (AzureRefused, AzureUnreachable):
                return None, calls  # each push reads for itself, and says what is wrong
        return names, calls

    def _collect(self, listing: _Listing) -> None:
        if listing.future.done() and listing.names is None and not listing.calls:
            listing.names, listing.calls = listing.future.result()
            self._calls += listing.calls

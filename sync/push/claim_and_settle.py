"""Push rows to Azure: claim them, call with no transaction open, settle.

Both ends are conditional on a fresh token, so two workers never push one row at once and a worker whose lease ran out
changes nothing. Only the generation that was sent is settled: a later edit stays due.
"""

import logging
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from portal import activity
from portal.models import Activity
from sync import registry
from sync.arm.gateway import ArmGateway, arm_gateway
from sync.arm.timeouts import lease_seconds
from sync.control import held_rows
from sync.models import PushRecord, SyncedModel
from sync.notices import Parked, announce_parked
from sync.push.bulk_sql import insert_many, update_each
from sync.push.conflicts import note_conflict
from sync.push.delivery import Claimed, Delivery, deliver, overlay
from sync.push.sent_states import former_states, history_of, note_sent
from sync.push.steps import steps_of

__all__ = ["Pushed", "claim", "overlay", "push", "settle"]

logger = logging.getLogger(__name__)

LONGEST_BACKOFF = 30.0  # seconds
WAIT_FOR_OTHERS = timedelta(seconds=2)


class Pushed(StrEnum):
    """How a push ended."""

    NOT_CLAIMED = "not claimed"  # settled, parked, waiting, or another worker has it
    SUCCEEDED = "succeeded"
    STILL_DUE = "still due"  # Azure has it, but it was edited in the meantime or is still in doubt
    PARKED = "parked"
    DELAYED = "delayed"


def push(row: SyncedModel, *, gateway: ArmGateway | None = None, worker: str = "") -> Pushed:
    """Push the row to Azure as it is now, and return how that ended. Errors from Azure are settled on the row, not raised."""
    claimed = claim(type(row), [row.pk], worker=worker)
    if not claimed:
        return Pushed.NOT_CLAIMED
    return settle([deliver(each, gateway or arm_gateway()) for each in claimed])[0]


# Claim


def claim(model: type[SyncedModel], pks: Sequence[int], *, worker: str = "") -> list[Claimed]:
    """Claim those of the rows that are due. Rows that another worker has claimed or that must wait are left out."""
    manager: Any = model._default_manager
    token, now, begun = uuid.uuid4(), timezone.now(), time.monotonic()
    lease = lease_seconds()
    until = now + timedelta(seconds=lease)
    if not manager.filter(pk__in=pks).claim(token, until, now, by=worker):
        return []
    # Fetched once for all, not with each row: most rows live in the same namespace.
    rows = list(manager.filter(pk__in=pks, claim_token=token).prefetch_related(*model.scope_relations))
    position = {pk: index for index, pk in enumerate(pks)}
    held = held_rows(model, [row.pk for row in rows])
    rows = [row for row in rows if not _waits(row, token, now, held.get(row.pk, ""))]
    rows.sort(key=lambda row: position[row.pk])
    note_sent(model, rows)
    ends = begun + lease
    return [Claimed(row, token, ends, history_of(row)) for row in rows]


def _waits(row: SyncedModel, token: uuid.UUID, now: datetime, held: str) -> bool:
    """Release a row that is held or needs another one in Azure first, and note on it what it waits for."""
    reason = held or row.what_it_waits_for()
    if reason:
        manager: Any = type(row)._default_manager
        manager.filter(pk=row.pk, claim_token=token).update(
            claim_token=None, claimed_until=None, next_attempt_at=now + WAIT_FOR_OTHERS, waits_for=reason[:200]
        )
    return bool(reason)


def let_go(worker: str, *, but: Iterable[Claimed]) -> int:
    """Release what a worker claimed but never sent, and return the number. `but`: claims in flight or not yet settled."""
    held: dict[type[SyncedModel], list[Claimed]] = defaultdict(list)
    for each in but:
        held[type(each.row)].append(each)
    count = 0
    for model in registry.models():
        manager: Any = model._default_manager
        loose = manager.filter(claimed_by=worker, claim_token__isnull=False)
        if held[model]:
            pks, tokens = {each.row.pk for each in held[model]}, {each.token for each in held[model]}
            loose = loose.exclude(pk__in=pks, claim_token__in=tokens)
        count += loose.update(claim_token=None, claimed_until=None, claimed_by="")
    return count


# Settle

_CLEARED: dict[str, Any] = {
    "claim_token": None,
    "claimed_until": None,
    "claimed_by": "",
    "uncertain": False,
    "attempts": 0,
    "next_attempt_at": None,
    "last_error": "",
    "waits_for": "",
    "parked_code": "",
    "parked_message": "",
}
_NO_DOUBT: dict[str, Any] = {"recheck_at": None, "doubtful_from": None, "lost_writes": 0}


def settle(deliveries: Sequence[Delivery]) -> list[Pushed]:
    """Settle deliveries in one transaction, and return how each ended. Rows whose claim was lost are left unchanged."""
    outcomes: dict[int, Pushed] = {}
    by_model: dict[type[SyncedModel], list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        by_model[type(delivery.row)].append(delivery)
    with transaction.atomic():
        for model, group in by_model.items():
            outcomes |= _Settlement(model, group).run()
    _note_reachability(deliveries)
    return [outcomes[id(delivery)] for delivery in deliveries]


def _note_reachability(deliveries: Iterable[Delivery]) -> None:
    """Note once per namespace whether Azure answered."""
    reasons: dict[int, str | None] = {}
    for delivery in deliveries:
        outage = delivery.outage
        if delivery.calls or outage is not None:
            is_away = outage is not None and not outage.answered
            reasons[delivery.row.scope_pk()] = delivery.message if is_away else None
    for scope, reason in reasons.items():
        registry.note_reachability(scope, reason)


class _Settlement:
    """Deliveries of one model, settled together: the rows are locked, checked and written in few statements."""

    def __init__(self, model: type[SyncedModel], deliveries: Sequence[Delivery]) -> None:
        self.rows: Any = model._default_manager
        self.kind = model._meta.label_lower
        self.deliveries = deliveries
        self.now = timezone.now()
        self.outcomes: dict[int, Pushed] = {}
        self.ended: dict[int, activity.Ending] = {}
        self.written: list[Delivery] = []  # confirmed, newest, and without doubt: the many
        self.gone: list[int] = []
        self.parked: list[Parked] = []

    def run(self) -> dict[int, Pushed]:
        pks = [delivery.row.pk for delivery in self.deliveries]
        locked = self.rows.filter(pk__in=pks).order_by("pk").select_for_update()
        held = {
            pk: (token, generation) for pk, token, generation in locked.values_list("pk", "claim_token", "generation")
        }
        for delivery in self.deliveries:
            token, newest = held.get(delivery.row.pk, (None, 0))
            if token != delivery.claimed.token:
                self.outcomes[id(delivery)] = Pushed.NOT_CLAIMED
                continue
            settle_one = getattr(self, f"_settle_{delivery.end}")
            self.outcomes[id(delivery)] = settle_one(delivery, newest == delivery.sent)
        self._write_the_many()
        activity.settle_many(self.kind, self.ended)
        self._keep_records()
        announce_parked(self.parked)
        return self.outcomes

    def _settle_written(self, delivery: Delivery, is_newest: bool) -> Pushed:
        doubt = self._doubt_after(delivery)
        self._ended(delivery, Activity.Outcome.SUCCEEDED)
        if is_newest and doubt == _NO_DOUBT:
            self.written.append(delivery)
            return Pushed.SUCCEEDED
        self._update(
            delivery, **_CLEARED, **doubt, base=delivery.base, synced_generation=delivery.sent, synced_at=self.now
        )
        return Pushed.SUCCEEDED if is_newest else Pushed.STILL_DUE

    def _settle_deleted(self, delivery: Delivery, is_newest: bool) -> Pushed:
        doubt = self._doubt_after(delivery)
        if is_newest and doubt == _NO_DOUBT:
            self._ended(delivery, Activity.Outcome.SUCCEEDED)
            self.gone.append(delivery.row.pk)
            return Pushed.SUCCEEDED
        values = {**_CLEARED, **doubt, "base": None}
        if is_newest:  # a lost PUT may still recreate it: the row stays and is checked again
            values |= {"uncertain": True, "next_attempt_at": doubt["recheck_at"]}
        else:  # revived in the meantime: Azure no longer has it, and the newer generation recreates it
            self._ended(delivery, Activity.Outcome.SUCCEEDED)
        self._update(delivery, **values)
        return Pushed.STILL_DUE

    def _settle_refused(self, delivery: Delivery, is_newest: bool) -> Pushed:
        may_wait = is_newest and delivery.end == "refused"
        obstacle = delivery.row.what_refusal_waits_for(delivery.began) if may_wait else None
        if obstacle is not None:
            soon = self.now + WAIT_FOR_OTHERS
            uncertain = delivery.touched or delivery.row.uncertain
            values = {
                "base": delivery.base,
                "uncertain": uncertain,
                "next_attempt_at": soon,
                "waits_for": obstacle.sentence[:200],
                "attempts": F("attempts") + 1 if obstacle.waits_too else 0,
            }
            self._update(delivery, **{**_CLEARED, **values})
            return Pushed.DELAYED
        values = {**_CLEARED, "base": delivery.base, "uncertain": delivery.touched or delivery.row.uncertain}
        if is_newest:
            values |= {"parked_code": delivery.code[:120], "parked_message": delivery.message}
            is_conflict = delivery.end == "drifted"
            self.parked.append(Parked(delivery.row, delivery.code, delivery.message, is_conflict))
        # A later edit is another change: it must be tried, not parked with this one.
        self._update(delivery, **values)
        self._ended(delivery, Activity.Outcome.FAILED)
        return Pushed.PARKED if is_newest else Pushed.STILL_DUE

    def _settle_drifted(self, delivery: Delivery, is_newest: bool) -> Pushed:
        note_conflict(delivery.row, code=delivery.code, resource=delivery.found, at=self.now)
        delivery.base = delivery.row.base
        return self._settle_refused(delivery, is_newest)

    def _settle_delayed(self, delivery: Delivery, is_newest: bool) -> Pushed:
        outage, row = delivery.outage, delivery.row
        assert outage is not None
        backoff = min(2.0 ** min(row.attempts, 10), LONGEST_BACKOFF) * random.uniform(0.75, 1.25)  # noqa: S311
        seconds = backoff if outage.retry_after is None else max(outage.retry_after, 0.1) * random.uniform(1.0, 1.1)  # noqa: S311
        values: dict[str, Any] = {
            "claim_token": None,
            "claimed_until": None,
            "claimed_by": "",
            "uncertain": delivery.touched or row.uncertain,
            "attempts": F("attempts") + (0 if outage.throttled else 1),
            "next_attempt_at": self.now + timedelta(seconds=seconds),
            "last_error": outage.reason,
            "waits_for": "",
        }
        if delivery.lost:
            values |= {
                "recheck_at": self._late(),
                "doubtful_from": Coalesce(F("doubtful_from"), Value(delivery.sent, models.BigIntegerField())),
                "lost_writes": F("lost_writes") + 1,
            }
        self._update(delivery, **values)
        return Pushed.DELAYED

    def _late(self) -> datetime:
        return self.now + timedelta(seconds=settings.ARM_LATE_SECONDS)

    def _doubt_after(self, delivery: Delivery) -> dict[str, Any]:
        row = delivery.row
        over = row.recheck_at is None or row.recheck_at <= self.now
        if delivery.landed or over:
            return _NO_DOUBT
        return {"recheck_at": row.recheck_at, "doubtful_from": row.doubtful_from, "lost_writes": row.lost_writes}

    def _ended(self, delivery: Delivery, outcome: str) -> None:
        self.ended[delivery.row.pk] = activity.Ending(delivery.sent, outcome, delivery.code, delivery.message)

    def _update(self, delivery: Delivery, **values: Any) -> None:
        self.rows.filter(pk=delivery.row.pk).update(**values)

    def _write_the_many(self) -> None:
        if self.gone:
            self.rows.filter(pk__in=self.gone).delete()
        if self.written:
            self.rows.filter(pk__in=[each.row.pk for each in self.written]).update(
                **_CLEARED,
                **_NO_DOUBT,
                synced_generation=F("generation"),
                synced_at=self.now,
            )
            update_each(self.rows.model, [{"pk": each.row.pk, "base": each.base} for each in self.written])

    def _keep_records(self) -> None:
        insert_many(
            PushRecord,
            [field.name for field in PushRecord._meta.concrete_fields if not field.primary_key],
            [
                (
                    self.kind,
                    delivery.row.pk,
                    delivery.row.scope_pk(),
                    delivery.sent,
                    delivery.began,
                    self.now,
                    self.outcomes[id(delivery)],
                    delivery.message,
                    steps_of(delivery.calls),
                    former_states(delivery.row),
                )
                for delivery in self.deliveries
            ],
        )

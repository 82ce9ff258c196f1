"""Bring one row to Azure: claim it, call with no transaction open, settle.

Both ends are conditional UPDATEs on a fresh token, so two workers never push one row at once and a worker whose lease
ran out changes nothing. What was sent is the generation that is settled: an edit made meanwhile stays due.
"""

import logging
import random
import uuid
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from portal import activity
from portal.models import Activity
from sync import registry
from sync.gateway import ArmGateway, AzureNotFound, AzureRefused, AzureUnreachable, arm_gateway
from sync.models import SyncedModel

logger = logging.getLogger(__name__)

LONGEST_BACKOFF = 30.0  # seconds; a sweep looks every few seconds


class Pushed(StrEnum):
    """How a push ended."""

    NOT_CLAIMED = "not claimed"  # settled, parked, waiting, or another worker has it
    SUCCEEDED = "succeeded"
    STILL_DUE = "still due"  # it went through, and was edited meanwhile
    PARKED = "parked"
    DELAYED = "delayed"


def push(row: SyncedModel, *, gateway: ArmGateway | None = None) -> Pushed:
    """Bring the row to Azure as it is now. Never raises what Azure answers: that is settled on the row."""
    token = uuid.uuid4()
    now = timezone.now()
    if not row.claim(token, now + timedelta(seconds=settings.SYNC_LEASE_SECONDS), now):
        return Pushed.NOT_CLAIMED
    claimed = type(row)._default_manager.select_related(*row.scope_relations).filter(pk=row.pk).first()
    if claimed is None:
        return Pushed.NOT_CLAIMED
    return _Push(claimed, token, gateway or arm_gateway()).run()


def overlay(row: SyncedModel, base: Mapping[str, Any] | None) -> dict[str, Any]:
    """The `properties` to send: what Azure holds, overlaid with what the portal models.

    Properties the portal does not know survive; those Azure writes itself and those that are None are left out.
    """
    known = (base or {}).get("properties") or {}
    properties = {key: value for key, value in known.items() if key not in row.read_only}
    for key, value in row.body().items():
        if isinstance(value, Mapping) and key in row.merged:
            value = {**(properties.get(key) or {}), **value}
            properties[key] = {inner: content for inner, content in value.items() if content is not None}
        else:
            properties[key] = value
    return {key: value for key, value in properties.items() if value is not None}


class _Push:
    """One push of one claimed row."""

    def __init__(self, row: SyncedModel, token: uuid.UUID, gateway: ArmGateway) -> None:
        self.row = row
        self.token = token
        self.gateway = gateway
        self.sent = row.generation
        self.base: dict[str, Any] | None = row.base

    def run(self) -> Pushed:
        try:
            if self.row.deleted_at is not None:
                self._delete()
                outcome = self._settle_deleted()
            else:
                self._write()
                outcome = self._settle_written()
        except AzureRefused as refusal:
            outcome = self._park(refusal.code, refusal.message)
        except AzureUnreachable as outage:
            registry.note_reachability(self.row.scope_pk(), outage.reason)
            return self._delay(outage)
        except ValueError as fault:  # an id that must never be sent
            outcome = self._park("InvalidResourceId", f"The portal cannot address this resource: {fault}.")
        registry.note_reachability(self.row.scope_pk(), None)
        return outcome

    def _delete(self) -> None:
        never_sent = self.row.synced_generation == 0 and self.base is None and not self.row.uncertain
        if not never_sent:  # else there is nothing of ours, and the name may be somebody else's by now
            self.gateway.delete(self.row.arm_id())

    def _write(self) -> None:
        """PUT the row, by way of DELETE where Azure never changes a value. Leaves what Azure holds in `base`."""
        if self.row.uncertain:
            self.base = self._read()
            if self.base is not None and self.row.matches(self.base):
                return
        if self.base is not None and self.row.replaces(self.base):
            self._delete()
            self.base = None
            self._note(base=None)  # a push that dies now must not send the old values again
        try:
            answer = self.gateway.put(self.row.arm_id(), {"properties": overlay(self.row, self.base)})
        except AzureRefused:
            # Azure refuses to write some things twice. What counts is what it holds.
            self.base = self._read()
            if self.base is None or not self.row.matches(self.base):
                raise
            return
        self.base = answer if self.row.matches(answer) else self._read()
        if self.base is None or not self.row.matches(self.base):
            raise AzureRefused(
                "NotAsSent", "Azure accepted the change, but what it holds now differs. Edit it, or retry.", 200
            )

    def _read(self) -> dict[str, Any] | None:
        try:
            return self.gateway.get(self.row.arm_id())
        except AzureNotFound:
            return None

    # Settling: each one conditional UPDATE on the token.

    def _held(self) -> Any:
        return type(self.row)._default_manager.filter(pk=self.row.pk, claim_token=self.token)

    def _note(self, **values: Any) -> None:
        self._held().update(**values)

    def _settle_written(self) -> Pushed:
        with transaction.atomic():
            settled = self._held().update(
                synced_generation=self.sent, base=self.base, synced_at=timezone.now(), **_ACCOUNT_CLEARED
            )
            if not settled:
                return Pushed.NOT_CLAIMED
            activity.settle(self.row.kind, self.row.pk, self.sent, Activity.Outcome.SUCCEEDED)
        return Pushed.SUCCEEDED if self._is_newest() else Pushed.STILL_DUE

    def _settle_deleted(self) -> Pushed:
        with transaction.atomic():
            gone, _ = self._held().filter(generation=self.sent).delete()
            if gone:
                activity.settle(self.row.kind, self.row.pk, self.sent, Activity.Outcome.SUCCEEDED)
                return Pushed.SUCCEEDED
            # Revived meanwhile: Azure no longer has it, and the newer generation creates it again.
            if not self._held().update(base=None, **_ACCOUNT_CLEARED):
                return Pushed.NOT_CLAIMED
            activity.settle(self.row.kind, self.row.pk, self.sent, Activity.Outcome.SUCCEEDED)
        return Pushed.STILL_DUE

    def _park(self, code: str, message: str) -> Pushed:
        with transaction.atomic():
            parked = (
                self._held()
                .filter(generation=self.sent)
                .update(**{**_ACCOUNT_CLEARED, "base": self.base, "parked_code": code, "parked_message": message})
            )
            # An edit made meanwhile is another change: it must be tried, not parked with this one.
            if not parked and not self._held().update(base=self.base, **_ACCOUNT_CLEARED):
                return Pushed.NOT_CLAIMED
            activity.settle(self.row.kind, self.row.pk, self.sent, Activity.Outcome.FAILED, code, message)
        return Pushed.PARKED if parked else Pushed.STILL_DUE

    def _delay(self, outage: AzureUnreachable) -> Pushed:
        backoff = min(2.0 ** min(self.row.attempts, 10), LONGEST_BACKOFF) * random.uniform(0.75, 1.25)  # noqa: S311
        seconds = max(backoff, outage.retry_after or 0.0)
        self._note(
            claim_token=None,
            claimed_until=None,
            uncertain=Case(When(uncertain=True, then=Value(True)), default=Value(outage.sent)),
            attempts=F("attempts") + 1,
            next_attempt_at=timezone.now() + timedelta(seconds=seconds),
            last_error=outage.reason,
        )
        return Pushed.DELAYED

    def _is_newest(self) -> bool:
        newest = type(self.row)._default_manager.filter(pk=self.row.pk).values_list("generation", flat=True).first()
        return newest is None or newest == self.sent


_ACCOUNT_CLEARED: dict[str, Any] = {
    "claim_token": None,
    "claimed_until": None,
    "uncertain": False,
    "attempts": 0,
    "next_attempt_at": None,
    "last_error": "",
    "parked_code": "",
    "parked_message": "",
}

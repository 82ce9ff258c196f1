"""Take one claimed row to Azure. Only calls here: no database, so that many deliveries run in threads at once."""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.utils import timezone

from sync.arm.call_recording import Call, recorded
from sync.arm.gateway import ArmGateway, AzureNotFound, AzureRefused, AzureUnreachable
from sync.arm.timeouts import write_seconds
from sync.models import SyncedModel
from sync.push.comparison import CONFLICTS, Drifted, canonical, describe_resource, labels_of
from sync.push.sent_states import NOTHING_KNOWN, History

Resource = Mapping[str, Any]
ANOTHER_ONE = (
    "Azure holds another one under this name by now, which was not made by this portal: {fields}. It was not deleted. "
    "Keep yours to delete it all the same, or take Azure's."
)
PERHAPS_OURS = (
    "What Azure holds under this name may be another one: when it was made, an answer was lost, and by now it says "
    "otherwise: {fields}. It was not deleted. Keep yours to delete it all the same, or take Azure's."
)
MOST_TOLD = 400  # characters
WAITED_ENOUGH = 2  # times that a replacement was put back because another row was in its way, which waits, too
_PARENT_GONE = frozenset({"ParentResourceNotFound", "ResourceGroupNotFound", "SubscriptionNotFound"})
End = Literal["written", "deleted", "refused", "drifted", "delayed"]


@dataclass(frozen=True)
class Claimed:
    """A row that this worker holds, and what it knows about it."""

    row: SyncedModel
    token: uuid.UUID
    until: float  # time.monotonic() at which the lease ends
    history: History = NOTHING_KNOWN
    taken_names: Set[str] | None = None  # of a fresh listing, in lower case: saves a read per new row


@dataclass
class Delivery:
    """How it went, to be settled in the database."""

    claimed: Claimed
    began: datetime
    end: End = "written"
    base: dict[str, Any] | None = None  # what Azure holds now, as far as we know
    code: str = ""
    message: str = ""
    outage: AzureUnreachable | None = None
    found: Resource | None = None  # what somebody else left there
    touched: bool = False  # a write was sent whose effect is not known, or undone only in part
    lost: bool = False  # … and which may still take effect after this
    landed: bool = False  # the write that was lost before has been seen to be there
    calls: list[Call] = field(default_factory=list)

    @property
    def row(self) -> SyncedModel:
        return self.claimed.row

    @property
    def sent(self) -> int:
        """The generation that was sent."""
        return self.claimed.row.generation


def deliver(claimed: Claimed, gateway: ArmGateway) -> Delivery:
    """Bring the row to Azure as it is now. Never raises what Azure answers."""
    delivery = Delivery(claimed, timezone.now(), base=claimed.row.base)
    with recorded() as calls:
        try:
            courier = _Courier(delivery, gateway)
            if claimed.row.deleted_at is not None:
                courier.delete()
                delivery.end = "deleted"
            else:
                courier.write()
        except Drifted as drift:
            delivery.end, delivery.code, delivery.message = "drifted", drift.code, drift.message
            delivery.found = drift.resource
        except AzureRefused as refusal:
            delivery.end, delivery.code, delivery.message = "refused", refusal.code, refusal.message
        except AzureUnreachable as outage:
            delivery.end, delivery.outage, delivery.message = "delayed", outage, outage.reason
        except ValueError as fault:  # an id that must never be sent
            delivery.end, delivery.code = "refused", "InvalidResourceId"
            delivery.message = f"The portal cannot address this resource: {fault}."
    delivery.calls = calls
    return delivery


def overlay(row: SyncedModel, base: Resource | None) -> dict[str, Any]:
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


def _changed_fields(model: type[SyncedModel], base: Resource, current: Resource) -> list[str]:
    now, before = describe_resource(model, current) or {}, describe_resource(model, base) or {}
    return [name for name in now if now[name] != before.get(name)]


class _Courier:
    def __init__(self, delivery: Delivery, gateway: ArmGateway) -> None:
        self.delivery = delivery
        self.gateway = gateway
        self.row = delivery.claimed.row
        self.history = delivery.claimed.history
        self.is_doubtful = self.row.is_in_doubt

    def delete(self) -> None:
        """DELETE what is ours. Only another resource under its name stops it: a mere drift must not keep access open."""
        if self.row.base is None:
            if self.row.synced_generation == 0 and not self.is_doubtful:
                return  # nothing of ours was ever there, and the name may be somebody else's
            current: Resource | None = self._read()
            if not self._is_ours(current):
                if current is None or not self.is_doubtful:
                    return
                raise self._perhaps_ours(current)
        else:
            current = self._read_to_delete()
            if current is None and not self.is_doubtful:
                self.delivery.base = None
                return
            if current is not None:
                self._look_at_what_goes(current)
        self._send(lambda: self.gateway.delete(self.row.arm_id()))
        self.delivery.touched = False
        self.delivery.base = None

    def _perhaps_ours(self, current: Resource) -> Drifted:
        ours, theirs = self.row.describe(), describe_resource(type(self.row), current) or {}
        fields = labels_of(type(self.row), [name for name in theirs if theirs[name] != ours.get(name)])
        return Drifted("ChangedInAzure", current, PERHAPS_OURS.format(fields=fields))

    def _read_to_delete(self) -> Resource | None:
        try:
            return self._read()
        except AzureNotFound:  # with all that it was in
            return None

    def _look_at_what_goes(self, current: Resource) -> None:
        """Raises Drifted when somebody made another resource under this name. Else notes what others changed in it."""
        model, base = type(self.row), self.row.base
        if self.is_doubtful and self._is_ours(current):
            return
        fields = _changed_fields(model, base, current)
        known = model()
        known.adopt(base)
        if known.replaces(current) and not (self.is_doubtful and not self.row.replaces(current)):
            raise Drifted("ChangedInAzure", current, ANOTHER_ONE.format(fields=labels_of(model, fields)))
        if fields and not self.is_doubtful:
            now = describe_resource(model, current) or {}
            held = "; ".join(
                f"{model.label_of(name)}: {json.dumps(now[name], ensure_ascii=False, default=str)}" for name in fields
            )
            self.delivery.message = f"It had been changed in Azure before it was deleted. {held}"[:MOST_TOLD]

    def write(self) -> None:
        """PUT the row, by way of DELETE where Azure never changes a value. Leaves what Azure holds in `base`."""
        current = self._current()
        if current is not None and self.row.matches(current):
            self.delivery.base = dict(current)
            return
        self._refuse_to_overwrite(current)
        # After our own half-done replacement nothing is there: what Azure held before still has what we do not model.
        held = current if current is not None else self.row.base
        properties = self.row.changed_properties(held) if self.row.is_patched else overlay(self.row, held)
        if current is not None and self.row.replaces(current):
            self._replace(current, properties)
        else:
            self._put(properties)

    def _current(self) -> Resource | None:
        """What Azure holds. Of what is made anew, a listing without it saves the read.

        What is changed is always read right before: Event Grid has no ETags, so that a change which somebody makes
        between the look and the PUT goes unseen, and a listing would make that seconds.
        """
        taken = self.delivery.claimed.taken_names
        is_new = self.row.base is None and not self.is_doubtful
        if is_new and taken is not None and self.row.arm_id().rpartition("/")[2].lower() not in taken:
            return None
        return self._read()

    def _refuse_to_overwrite(self, current: Resource | None) -> None:
        """Raises Drifted when somebody else changed, made or deleted the resource."""
        base = self.row.base
        if self.is_doubtful and self._is_ours(current):
            return
        if current is None:
            if base is not None and not self._may_be_gone_by_us(base):
                raise self._drifted("DeletedInAzure", None)
            return
        if base is None:
            raise self._drifted("ExistsInAzure", current)
        fields = _changed_fields(type(self.row), base, current)
        if fields:
            raise self._drifted("ChangedInAzure", current, fields=labels_of(type(self.row), fields))

    @staticmethod
    def _drifted(code: str, resource: Resource | None, **values: str) -> Drifted:
        return Drifted(code, resource, CONFLICTS[code][1].format(**values))

    def _is_ours(self, current: Resource | None) -> bool:
        return self.history.holds(canonical(describe_resource(type(self.row), current)))

    def _may_be_gone_by_us(self, base: Resource) -> bool:
        """Nothing is there: whether a DELETE of ours, whose end nobody knows, explains that."""
        model = type(self.row)
        held = canonical(describe_resource(model, base))
        return self.is_doubtful and self.history.may_have_removed(model.unchangeable, held)

    def _replace(self, former: Resource, properties: Mapping[str, Any]) -> None:
        """What Azure never changes is deleted and made anew; refused, the former one is put back.

        Not where Azure took the new one and holds it otherwise than it was sent: that one is there. And not when it has
        waited several times for a row that waits as well: two that swap a value would go on for ever.
        """
        self._send(lambda: self.gateway.delete(self.row.arm_id()))
        self.delivery.touched = True  # until something is there again
        self.delivery.base = None
        try:
            self._put(properties)
        except AzureRefused as refusal:
            if self.delivery.base is not None:
                raise
            if self.row.waits_for and self.row.attempts >= WAITED_ENOUGH:
                self.delivery.base = dict(former)  # what we do not model is taken from it when it is made again
                raise
            kept = {key: value for key, value in former["properties"].items() if key not in self.row.read_only}
            try:
                self.delivery.base = self._sent_put(kept)
                self.delivery.touched = False
            except AzureRefused:
                raise refusal from None
            raise AzureRefused(
                refusal.code, f"{refusal.message} What was there before has been put back.", refusal.status
            ) from None

    def _put(self, properties: Mapping[str, Any]) -> None:
        answer: dict[str, Any] | None
        try:
            answer = self._sent_put(properties)
        except AzureRefused as refusal:
            # Azure refuses to write some things twice. What counts is what it holds.
            try:
                answer = self._read()
            except AzureRefused:
                raise refusal from None
            if answer is None or not self.row.matches(answer):
                raise
        is_as_sent = self.row.matches(answer)
        if not is_as_sent:
            answer = self._read_back()
            is_as_sent = answer is not None and self.row.matches(answer)
        self.delivery.touched = False
        self.delivery.base = answer
        if not is_as_sent:
            raise AzureRefused(
                "NotAsSent", "Azure accepted the change, but what it holds now differs. Edit it, or retry.", 200
            )

    def _sent_put(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._send(lambda: self.row.send(self.gateway, properties))
        return answer

    def _send(self, write: Callable[[], Any]) -> Any:
        """A write. One that cannot end within the lease is not begun: another worker may have the row by then."""
        if time.monotonic() + write_seconds() > self.delivery.claimed.until:
            raise AzureUnreachable("the earlier steps took too long; it starts over", 0.0, sent=False, answered=True)
        try:
            return write()
        except AzureUnreachable as outage:
            self.delivery.touched |= outage.sent
            self.delivery.lost |= outage.late
            raise

    def _read_back(self) -> dict[str, Any] | None:
        """Look again after a write that Azure took. When that fails, nobody knows what it has become."""
        try:
            return self._read()
        except AzureUnreachable:
            self.delivery.touched = self.delivery.lost = True
            raise

    def _read(self) -> dict[str, Any] | None:
        """What Azure holds now. Notes when that is what a write with a lost answer was about."""
        try:
            current: dict[str, Any] | None = self.row.read(self.gateway)
        except AzureNotFound as missing:
            if missing.code in _PARENT_GONE or self.row.is_patched:
                raise
            current = None
        if self.row.lost_writes == 1 and not self.delivery.lost:
            seen = canonical(describe_resource(type(self.row), current))
            before = canonical(describe_resource(type(self.row), self.row.base))
            self.delivery.landed |= seen == self.history.at(self.row.doubtful_from) and seen != before
        return current

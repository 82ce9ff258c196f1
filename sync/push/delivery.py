"""Push one claimed row to Azure. This module does not use the database, so many deliveries can run in threads at once."""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.utils import timezone

from certificates.x509.key_masking import holds_a_mask, masked, with_originals
from sync.arm.call_recording import Call, recorded
from sync.arm.gateway import ArmGateway, AzureNotFound, AzureRefused, AzureUnreachable
from sync.arm.timeouts import write_seconds
from sync.models import SyncedModel
from sync.push.comparison import CONFLICTS, Drifted, canonical, describe_resource, labels_of
from sync.push.sent_states import NOTHING_KNOWN, History

Resource = Mapping[str, Any]
ANOTHER_ONE = (
    "Azure now has another resource with this name, which was not created by this portal: {fields}. It was not deleted. "
    "Keep yours to delete it anyway, or take Azure's."
)
PERHAPS_OURS = (
    "The resource that Azure has with this name may be another one: an answer was lost when it was created, and it now "
    "differs in: {fields}. It was not deleted. Keep yours to delete it anyway, or take Azure's."
)
MOST_IN_MESSAGE = 400  # characters
WAITED_ENOUGH = 2  # times that a replacement was undone because another row has to be sent first
_PARENT_GONE = frozenset({"ParentResourceNotFound", "ResourceGroupNotFound", "SubscriptionNotFound"})
End = Literal["written", "deleted", "refused", "drifted", "delayed"]


@dataclass(frozen=True)
class Claimed:
    """A row that this worker has claimed, and what it knows about it."""

    row: SyncedModel
    token: uuid.UUID
    until: float  # time.monotonic() at which the lease expires
    history: History = NOTHING_KNOWN
    taken_names: Set[str] | None = (
        None  # in lower case, from a recent listing: a new row with another name needs no read
    )


@dataclass
class Delivery:
    """The result of a push, to be settled in the database."""

    claimed: Claimed
    began: datetime
    end: End = "written"
    base: dict[str, Any] | None = None  # the last known state of the resource in Azure, None if there is none
    code: str = ""
    message: str = ""
    outage: AzureUnreachable | None = None
    found: Resource | None = None  # the resource in Azure that conflicts with the row
    touched: bool = False  # a write was sent, and whether it took effect is unknown or it was only half completed
    lost: bool = False  # the response to a write was lost, and the write may still take effect later
    landed: bool = False  # a read showed that an earlier write with a lost response has taken effect
    calls: list[Call] = field(default_factory=list)

    @property
    def row(self) -> SyncedModel:
        return self.claimed.row

    @property
    def sent(self) -> int:
        """The generation that was sent."""
        return self.claimed.row.generation


def deliver(claimed: Claimed, gateway: ArmGateway) -> Delivery:
    """Push the row to Azure as it is now. Errors from Azure are part of the result, not raised."""
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
    """Return the `properties` to send: what Azure holds, overlaid with what the portal models.

    Properties the portal does not know survive; those Azure writes itself and those that are None are left out. A text that
    the portal shows masked, since it holds a private key, is sent as Azure holds it.
    """
    known = (base or {}).get("properties") or {}
    properties = {key: value for key, value in known.items() if key not in row.read_only}
    modelled = {key: with_originals(value, properties.get(key)) for key, value in row.body().items()}
    properties = {key: value for key, value in properties.items() if key in modelled or not holds_a_mask(value)}
    for key, value in modelled.items():
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
        self.in_azure: Resource | None = None  # as last read, unmasked: never kept, and sent back to Azure only

    def delete(self) -> None:
        """Delete the resource, even if others changed it: a client that the user deleted must lose access.

        Raise Drifted if others have created another resource with this name.
        """
        if self.row.base is None:
            if self.row.synced_generation == 0 and not self.is_doubtful:
                return  # the portal never created it, so a resource with this name belongs to others
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
                self._check_before_deleting(current)
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
        except AzureNotFound:  # its namespace or resource group was deleted too
            return None

    def _check_before_deleting(self, current: Resource) -> None:
        """Raise Drifted if others created another resource with this name; otherwise record what they changed."""
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
            self.delivery.message = f"It had been changed in Azure before it was deleted. {held}"[:MOST_IN_MESSAGE]

    def write(self) -> None:
        """Send the row with PUT, and set `base` to the resource that Azure holds afterwards.

        If a value differs that Azure never changes, delete the resource first.
        """
        current = self._current()
        if current is not None and self.row.matches(current):
            self.delivery.base = dict(current)
            return
        self._refuse_to_overwrite(current)
        # If a replacement stopped between DELETE and PUT, nothing is there. `base` still has the properties we do not model.
        held = self.in_azure if current is not None else self.row.base
        properties = self.row.changed_properties(held) if self.row.is_patched else overlay(self.row, held)
        if current is not None and self.row.replaces(current):
            self._replace(current, properties)
        else:
            self._put(properties)

    def _current(self) -> Resource | None:
        """Return what Azure holds. For a new resource, a listing without its name saves the read.

        An existing resource is always read right before its PUT: Event Grid has no ETags, so a change made between read
        and PUT goes unnoticed, and with a listing that gap would be seconds.
        """
        taken = self.delivery.claimed.taken_names
        is_new = self.row.base is None and not self.is_doubtful
        if is_new and taken is not None and self.row.arm_id().rpartition("/")[2].lower() not in taken:
            return None
        return self._read()

    def _refuse_to_overwrite(self, current: Resource | None) -> None:
        """Raise Drifted if others changed, created or deleted the resource."""
        base = self.row.base
        if self.is_doubtful and self._is_ours(current):
            return
        if current is None:
            if base is not None and not self._may_have_deleted(base):
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

    def _may_have_deleted(self, base: Resource) -> bool:
        """Return whether the portal itself may have deleted the missing resource, by a DELETE whose response was lost."""
        model = type(self.row)
        held = canonical(describe_resource(model, base))
        return self.is_doubtful and self.history.may_have_removed(model.unchangeable, held)

    def _replace(self, former: Resource, properties: Mapping[str, Any]) -> None:
        """Delete and recreate the resource, to change a value that Azure never changes. If the PUT is rejected, restore it.

        Two cases leave it deleted or changed: Azure accepted the PUT but stored different values, or the row has waited
        `WAITED_ENOUGH` times for another row. Two rows that swap a value would otherwise restore each other forever.
        """
        self._send(lambda: self.gateway.delete(self.row.arm_id()))
        self.delivery.touched = True  # until a PUT has created it again
        self.delivery.base = None
        try:
            self._put(properties)
        except AzureRefused as refusal:
            if self.delivery.base is not None:
                raise
            if self.row.waits_for and self.row.attempts >= WAITED_ENOUGH:
                self.delivery.base = dict(former)  # the next PUT takes the properties from it that we do not model
                raise
            held = (self.in_azure or former)["properties"]
            kept = {key: value for key, value in held.items() if key not in self.row.read_only}
            try:
                self.delivery.base = self._sent_put(kept)
                self.delivery.touched = False
            except AzureRefused:
                raise refusal from None
            raise AzureRefused(
                refusal.code, f"{refusal.message} The former resource has been put back.", refusal.status
            ) from None

    def _put(self, properties: Mapping[str, Any]) -> None:
        answer: dict[str, Any] | None
        try:
            answer = self._sent_put(properties)
        except AzureRefused as refusal:
            # Azure rejects some writes that change nothing, so compare with the resource it holds.
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
        answer: dict[str, Any] = masked(self._send(lambda: self.row.send(self.gateway, properties)))
        return answer

    def _send(self, write: Callable[[], Any]) -> Any:
        """Run a write. Raise AzureUnreachable if it could outlast the lease, since another worker could claim the row then."""
        if time.monotonic() + write_seconds() > self.delivery.claimed.until:
            raise AzureUnreachable(
                "the earlier steps took too long; the push starts over", 0.0, sent=False, answered=True
            )
        try:
            return write()
        except AzureUnreachable as outage:
            self.delivery.touched |= outage.sent
            self.delivery.lost |= outage.late
            raise

    def _read_back(self) -> dict[str, Any] | None:
        """Read the resource after a write that Azure accepted. If the read fails, the result of the write is unknown."""
        try:
            return self._read()
        except AzureUnreachable:
            self.delivery.touched = self.delivery.lost = True
            raise

    def _read(self) -> dict[str, Any] | None:
        """Return the resource in Azure, with private keys masked, and keep it unmasked in `in_azure`.

        Set `landed` if an earlier write with a lost response has taken effect.
        """
        try:
            self.in_azure = self.row.read(self.gateway)
            current: dict[str, Any] | None = masked(self.in_azure)
        except AzureNotFound as missing:
            if missing.code in _PARENT_GONE or self.row.is_patched:
                raise
            current = None
        if self.row.lost_writes == 1 and not self.delivery.lost:
            seen = canonical(describe_resource(type(self.row), current))
            before = canonical(describe_resource(type(self.row), self.row.base))
            self.delivery.landed |= seen == self.history.at(self.row.doubtful_from) and seen != before
        return current

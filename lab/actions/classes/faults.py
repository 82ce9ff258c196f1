"""Faults for the seats of one class and no other namespace.

All its namespaces are in a subscription of their own, which the rules of the emulator name. *Expire all* is no rule: it moves
the moment at which certificates are judged, in the portal and in the emulator.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from certificates.samples.chain import DEFAULT_LIFETIME
from lab.actions.classes.access import administrator_now, emulator
from lab.actions.classes.changes import running
from lab.actions.classes.errors import ClassError
from lab.actions.classes.making import record
from lab.models import TrainingClass
from namespaces.models import ClientCertificate, Namespace
from portal.models import User
from sync.arm.gateway import AzureNotFound, AzureRefused, AzureUnreachable

LEAST_AHEAD = DEFAULT_LIFETIME + timedelta(days=1)  # no certificate that a class has made is valid then
MOST_AHEAD = timedelta(days=3650)


@dataclass(frozen=True)
class ClassFault:
    """A fault as the board names it, and the emulator's rule; none: the moment of judging certificates is moved.

    `seconds`: after which it ends; None: when the trainer ends it.
    """

    code: str
    title: str
    sentence: str
    icon: str
    rule: Mapping[str, Any] = field(default_factory=dict)
    seconds: int | None = None


FAULTS = (
    ClassFault(
        "expire",
        "Expire all",
        "judges certificates months ahead, when those of all clients have expired",
        "hourglass",
    ),
    ClassFault(
        "throttle",
        "Throttle Azure",
        "answers 429 to each request",
        "gauge",
        {"kind": "throttle", "retry_after": 5},
    ),
    ClassFault(
        "broker",
        "Drop the broker",
        "for 60 seconds, then back",
        "unplug",
        {"kind": "broker-down", "seconds": 60},
        60,
    ),
)
BY_CODE = {fault.code: fault for fault in FAULTS}


def since(training: TrainingClass, code: str, now: datetime) -> datetime | None:
    """Return since when a fault is on; None where it is off or has ended."""
    started = (training.faults.get(code) or {}).get("since")
    if started is None:
        return None
    at, fault = datetime.fromisoformat(started), BY_CODE[code]
    is_over = fault.seconds is not None and at + timedelta(seconds=fault.seconds) <= now
    return None if is_over else at


def start_fault(actor: User, *, training: TrainingClass, code: str) -> ClassFault:
    """Turn a fault on for all seats of the class. Raise ClassError."""
    fault = BY_CODE.get(code)
    if fault is None:
        raise ClassError("", "fault", "Choose a fault.")
    administrator_now(actor)
    if since(training, code, timezone.now()) is not None:
        return fault
    started = _start(training, fault)
    with transaction.atomic(durable=True):
        row = running(actor, training)
        is_first = since(row, code, timezone.now()) is None
        if is_first:
            row.faults = row.faults | {code: {**started, "since": timezone.now().isoformat()}}
            row.save(update_fields=["faults"])
            if not fault.rule:
                namespaces_of(row).update(judged_ahead=timedelta(seconds=started["ahead"]))
            record(actor, row, "Start fault", name=fault.title)
    if not is_first:  # another trainer was quicker: leave theirs
        _stop(training, fault, started, instead=row.faults[code])
    return fault


def end_fault(actor: User, *, training: TrainingClass, code: str) -> None:
    """Turn a fault off. It does not matter whether it has ended already. Raise ClassError."""
    fault = BY_CODE.get(code)
    if fault is None:
        raise ClassError("", "fault", "Choose a fault.")
    administrator_now(actor)
    if code not in training.faults:
        return
    _stop(training, fault, training.faults[code])
    with transaction.atomic(durable=True):
        row = running(actor, training)
        row.faults = {name: each for name, each in row.faults.items() if name != code}
        row.save(update_fields=["faults"])
        if not fault.rule:
            namespaces_of(row).update(judged_ahead=timedelta())
        record(actor, row, "End fault", name=fault.title)


def _start(training: TrainingClass, fault: ClassFault) -> dict[str, Any]:
    """Start a fault in the emulator. Return what ends it. Raise ClassError."""
    try:
        if fault.rule:
            return {"id": emulator().add({**fault.rule, "path": pattern(training)})}
        ahead = _far_enough(training, timezone.now())
        _judge_ahead(training, ahead)
    except (AzureRefused, AzureUnreachable) as refusal:
        raise ClassError("", "emulator", f"The emulator did not start the fault: {refusal}") from None
    return {"ahead": int(ahead.total_seconds())}


def _stop(
    training: TrainingClass, fault: ClassFault, started: Mapping[str, Any], *, instead: Mapping[str, Any] | None = None
) -> None:
    """End a fault in the emulator, unless it has ended or the emulator was restarted. Raise ClassError."""
    try:
        if fault.rule:
            with suppress(AzureNotFound):
                emulator().remove(str(started["id"]))
        else:
            _judge_ahead(training, timedelta(seconds=instead["ahead"] if instead else 0))
    except (AzureRefused, AzureUnreachable) as refusal:
        raise ClassError("", "emulator", f"The emulator did not end the fault: {refusal}") from None


def _far_enough(training: TrainingClass, now: datetime) -> timedelta:
    """Return how far ahead all certificates of clients have expired that a class makes or that its endpoints have seen."""
    seen = ClientCertificate.objects.filter(namespace__in=namespaces_of(training), not_after__lt=now + MOST_AHEAD)
    last = seen.aggregate(last=Max("not_after"))["last"]
    needed = last - now + timedelta(days=1) if last is not None else timedelta()
    return timedelta(days=-(-max(needed, LEAST_AHEAD) // timedelta(days=1)))


def _judge_ahead(training: TrainingClass, ahead: timedelta) -> None:
    emulator().judge_ahead(list(namespaces_of(training).values_list("resource_id", flat=True)), ahead)


def namespaces_of(training: TrainingClass) -> QuerySet[Namespace]:
    """Return the namespaces of the seats."""
    return Namespace.objects.filter(seat__training=training).order_by("pk")


def pattern(training: TrainingClass) -> str:
    """Return the pattern of ids that matches the namespaces of the class, and nothing else."""
    return f"/subscriptions/{training.subscription}/*"

"""Faults for the seats of one class and no other namespace: all its namespaces are in a subscription of their own."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from lab.actions.classes.access import administrator_now, emulator
from lab.actions.classes.changes import running
from lab.actions.classes.errors import ClassError
from lab.actions.classes.making import record
from lab.models import TrainingClass
from portal.models import User
from sync.arm.gateway import AzureNotFound, AzureRefused, AzureUnreachable


@dataclass(frozen=True)
class ClassFault:
    """A fault as the board names it, and the emulator's rule. `seconds`: after which it ends; None: when the trainer ends it."""

    code: str
    title: str
    sentence: str
    icon: str
    rule: Mapping[str, Any]
    seconds: int | None = None


FAULTS = (
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
    try:
        rule = emulator().add({**fault.rule, "path": pattern(training)})
    except (AzureRefused, AzureUnreachable) as refusal:
        raise ClassError("", "emulator", f"The emulator did not start the fault: {refusal}") from None
    with transaction.atomic(durable=True):
        row = running(actor, training)
        is_first = since(row, code, timezone.now()) is None
        if is_first:
            row.faults = row.faults | {code: {"id": rule, "since": timezone.now().isoformat()}}
            row.save(update_fields=["faults"])
            record(actor, row, "Start fault", name=fault.title)
    if not is_first:  # somebody else was quicker
        _remove(rule)
    return fault


def end_fault(actor: User, *, training: TrainingClass, code: str) -> None:
    """Turn a fault off. It does not matter whether it has ended already. Raise ClassError."""
    fault = BY_CODE.get(code)
    if fault is None:
        raise ClassError("", "fault", "Choose a fault.")
    administrator_now(actor)
    if code not in training.faults:
        return
    _remove(str(training.faults[code]["id"]))
    with transaction.atomic(durable=True):
        row = running(actor, training)
        row.faults = {name: each for name, each in row.faults.items() if name != code}
        row.save(update_fields=["faults"])
        record(actor, row, "End fault", name=fault.title)


def _remove(rule: str) -> None:
    """Remove a rule of the emulator, unless it has ended or the emulator was restarted. Raise ClassError."""
    try:
        with suppress(AzureNotFound):
            emulator().remove(rule)
    except (AzureRefused, AzureUnreachable) as refusal:
        raise ClassError("", "emulator", f"The emulator did not end the fault: {refusal}") from None


def pattern(training: TrainingClass) -> str:
    """Return the pattern of ids that matches the namespaces of the class, and nothing else."""
    return f"/subscriptions/{training.subscription}/*"

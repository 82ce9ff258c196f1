"""What a trainer does with a running class: lock it, tell it something, give new codes, reset seats and end it."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from allauth.account.models import EmailAddress
from django.db import models, transaction
from django.utils import timezone

from lab.actions.classes import codes as class_codes
from lab.actions.classes.access import administrator_now, emulator
from lab.actions.classes.errors import ClassError
from lab.actions.classes.making import body_of, record
from lab.actions.devices import end_devices_of
from lab.models import Enrolment, Seat, TrainingClass
from namespaces.importing.runs import take_resource
from namespaces.models import Namespace, NamespaceConfiguration, NamespaceRole
from portal.models import AccessLink, Team, User
from portal.people.links import revoke_open
from portal.registry import end_for_person
from portal.sign_in.second_step import remove_second_step
from portal.sign_in.sessions import end_all_sessions
from sync.arm.gateway import AzureNotFound, AzureRefused, AzureUnreachable
from sync.models import forget_scope

logger = logging.getLogger(__name__)

KEPT = (NamespaceRole, Seat)  # what a reset leaves of all that belongs to a namespace


def set_locked(actor: User, *, training: TrainingClass, is_locked: bool) -> None:
    """Let nobody join any more, or let trainees join again."""
    with transaction.atomic(durable=True):
        row = running(actor, training)
        row.state = TrainingClass.State.LOCKED if is_locked else TrainingClass.State.OPEN
        row.save(update_fields=["state"])
        record(actor, row, "Lock joining" if is_locked else "Open joining")


def renew_join_code(actor: User, *, training: TrainingClass) -> None:
    """Give the class a new join code. The former one opens nothing any more; seats that are taken stay taken."""
    with transaction.atomic(durable=True):
        row = running(actor, training)
        row.join_code = class_codes.sealed(class_codes.new_secret())
        row.save(update_fields=["join_code"])
        record(actor, row, "Renew join code")


def tell(actor: User, *, training: TrainingClass, message: str) -> None:
    """Show a message on the pages of every seat, in place of the former one; "" takes it away."""
    with transaction.atomic(durable=True):
        row = running(actor, training)
        row.message, row.message_at = message, timezone.now() if message else None
        row.save(update_fields=["message", "message_at"])
        record(actor, row, "Tell the class", after={"message": message})


def renew_return_code(actor: User, *, seat: Seat) -> str:
    """Return a new return code for a trainee. The former one stops working, and the seat is signed out everywhere."""
    secret = class_codes.new_secret()
    with transaction.atomic(durable=True):
        training = running(actor, seat.training)
        changed = Seat.objects.joined().filter(pk=seat.pk).update(return_hash=class_codes.return_hash(secret, seat.pk))
        if not changed:
            raise ClassError("", "free", "Nobody sits here yet. The join code opens this seat.")
        _take_other_ways_in(seat.user)
        end_all_sessions(seat.user)
        record(actor, training, "Renew return code", name=f"Seat {seat.number:02}")
    return class_codes.shown(secret, training.pk, seat.number)


def _take_other_ways_in(user: User) -> None:
    """Take away what a trainee may have added to the account: then only the return code opens the seat."""
    user.set_unusable_password()
    user.email = ""
    user.save(update_fields=["password", "email"])
    EmailAddress.objects.filter(user=user).delete()
    remove_second_step(user)
    revoke_open(AccessLink.objects.filter(user=user))


def ask_for_help(seat: Seat, *, question: str) -> None:
    """Let the trainer see that the trainee asks. Asking again changes the question, not since when."""
    rows = Seat.objects.running().joined().filter(pk=seat.pk)
    rows.filter(help_at=None).update(help_at=timezone.now())
    rows.update(help_text=question)


def end_help(seat: Seat) -> None:
    """Note that the trainee was helped, or needs no help any more."""
    Seat.objects.filter(pk=seat.pk).update(help_at=None, help_text="")


def reset_seats(actor: User, *, training: TrainingClass, seats: Sequence[Seat]) -> None:
    """Put seats back to the start: empty namespaces, no progress. Trainees keep their seats and codes.

    Rows are deleted before and after the namespaces are replaced: what a worker had read before would come back otherwise.
    Raise ClassError.
    """
    control = emulator()
    there = {seat.namespace.pk: seat.namespace for seat in seats if seat.namespace is not None}
    administrator_now(actor)
    for seat in seats:
        end_devices_of(seat.user)
    with transaction.atomic(durable=True):
        row = running(actor, training)
        Seat.objects.filter(pk__in=[seat.pk for seat in seats]).update(help_at=None, help_text="")
        Enrolment.objects.filter(user__in=[seat.user_id for seat in seats]).delete()
        _clear(there)
        name = f"Seat {seats[0].number:02}" if len(seats) == 1 else ""
        record(actor, row, "Reset seat" if name else "Reset all seats", name=name, after={"seats": len(seats)})
    try:
        made = control.replace_namespaces([body_of(each.resource_id) for each in there.values()]) if there else ()
    except (AzureRefused, AzureUnreachable) as fault:
        raise ClassError("", "emulator", f"The emulator did not reset the namespaces. Reset again. {fault}") from None
    resources = {str(resource["id"]).lower(): resource for resource in made}
    with transaction.atomic(durable=True):
        running(actor, training)  # its faults do not change meanwhile
        _clear(there)
        for namespace in there.values():
            namespace.refresh_from_db(fields=["judged_ahead"])
            _begin_again(namespace, resources[namespace.resource_key])


def _begin_again(namespace: Namespace, resource: Mapping[str, Any]) -> None:
    namespace.adopt(resource)
    namespace.clients_connected, namespace.connections_error = None, ""
    namespace.unreachable_since, namespace.unreachable_reason = None, ""
    namespace.save()
    take_resource(NamespaceConfiguration, namespace, resource)


def _clear(namespaces: Mapping[int, Namespace]) -> None:
    """Delete what belongs to the namespaces and would go with them, except seats and roles."""
    for relation in Namespace._meta.related_objects:
        model: Any = relation.related_model
        if model not in KEPT and relation.on_delete is models.CASCADE:
            model._default_manager.filter(**{f"{relation.field.name}__in": list(namespaces)}).delete()
    for pk in namespaces:
        forget_scope(pk)


def end_class(actor: User, *, training: TrainingClass, report: Sequence[Sequence[object]]) -> bool:
    """End the class: no seat can be used any more, and its namespaces are deleted. `report` is kept.

    Return False if the emulator could not delete the namespaces; they are then in it, but no longer in the portal.
    """
    control = emulator()
    with transaction.atomic(durable=True):
        row = running(actor, training)
        row.state, row.ended_at, row.report = TrainingClass.State.ENDED, timezone.now(), [list(each) for each in report]
        row.join_code = row.message = ""
        row.save(update_fields=["state", "ended_at", "report", "join_code", "message"])
        seats = list(row.seats.select_related("user", "namespace"))
        for seat in seats:
            _close_account(seat.user)
        record(actor, row, "End class", after={"accounts_disabled": len(seats)})
    namespaces = [seat.namespace for seat in seats if seat.namespace is not None]
    try:
        for rule in (
            fault["id"] for fault in row.faults.values() if "id" in fault
        ):  # a moved moment ends with its namespace
            with suppress(AzureNotFound):
                control.remove(str(rule))
        if namespaces:
            control.replace_namespaces([], [each.resource_id for each in namespaces])
        is_clean = True
    except (AzureRefused, AzureUnreachable) as fault:
        logger.warning("The namespaces of class %s stay in the emulator: %s", training.pk, fault)
        is_clean = False
    with transaction.atomic(durable=True):
        for namespace in namespaces:
            forget_scope(namespace.pk)
            namespace.delete()
        Team.objects.filter(seat__in=seats).delete()
        row.seats.update(help_at=None, help_text="", watched_at=None)
    return is_clean


def _close_account(user: User) -> None:
    user.is_active, user.disabled_at = False, timezone.now()
    user.save(update_fields=["is_active", "disabled_at"])
    end_all_sessions(user)
    end_for_person(user)


def running(actor: User, training: TrainingClass) -> TrainingClass:
    """Return the locked row of a class that has not ended, for an actor who is still an administrator."""
    administrator_now(actor)
    row = TrainingClass.objects.select_for_update(no_key=True).get(pk=training.pk)
    if row.has_ended:
        raise ClassError("", "ended", "This class has ended in the meantime.")
    return row

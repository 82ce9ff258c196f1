"""The replacement of a CA certificate: started, cancelled, clients confirmed by hand, teams reminded.

The CA certificates themselves are uploaded and deleted by their ordinary actions.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from certificates.actions.rollover_states import LEFT, Places, all_by_place, rollover_of
from certificates.models import CACertificate, CARollover, RolloverConfirmation
from certificates.notices.rollovers import announce_rollover_start, announce_to_teams
from certificates.x509.certificate import name_key, public_key_hash
from namespaces.actions.resources import Gone, current
from namespaces.models import Client
from namespaces.registry import Succession
from namespaces.rights import rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User

REMIND_AGAIN = timedelta(days=1)  # by hand
REMIND_BY_CLOCK = timedelta(days=7)
MOST_CONFIRMED = 200  # in one request


def start_rollover(actor: User, *, old: CACertificate, successor: CACertificate | None) -> CARollover:
    """Start the replacement of a CA certificate by one that is uploaded already. Raise RuleError.

    From then on, the clients that the actor may change raise no alarm when they change from one key to the other. Owners and
    the teams of its clients are notified.
    """
    if successor is None:
        raise RuleError("successor", "no-successor", "Choose the CA certificate that takes over.")
    with transaction.atomic(durable=True):
        row = current(actor, old)
        new = CACertificate.objects.select_for_update(of=("self",)).filter(pk=successor.pk).first()
        if new is None or new.deleted_at is not None or new.namespace_id != row.namespace_id:
            raise Gone(successor)
        now = timezone.now()
        _check(row, new, row.namespace.judged_at(now))
        rollover = CARollover.objects.create(
            namespace=row.namespace,
            old=row,
            successor=new,
            old_key=public_key_hash(bytes(row.der)),
            successor_key=public_key_hash(bytes(new.der)),
            old_name=row.name,
            old_description=row.description,
            old_team=row.team,
            old_der=bytes(row.der),
            quiet_teams=_quiet_teams(actor, row.namespace_id),
            started_at=now,
            started_by=actor,
            reminded_at=now,
        )
        _record(actor, row, "Start replacement", new)
        announce_rollover_start(rollover, row, new)
        announce_to_teams(rollover, row, new, teams_of_keys(rollover))
    return rollover


def _check(old: CACertificate, new: CACertificate, now: datetime) -> None:
    if rollover_of(old) is not None:
        raise RuleError("successor", "started", f"The replacement of {old.name} was started already.")
    keys = public_key_hash(bytes(old.der)), public_key_hash(bytes(new.der))
    if new.pk == old.pk or not all(keys):
        raise RuleError("successor", "no-successor", "Choose another CA certificate, whose key can be read.")
    if new.not_after is None or new.not_after <= now:
        raise RuleError("successor", "expired", f"{new.name} has expired, so it cannot take over.")
    if new.not_before is None or new.not_before > now:
        raise RuleError("successor", "not-yet-valid", f"{new.name} is not valid yet, so it vouches for no client.")
    if keys[0] == keys[1] and name_key(old.subject) != name_key(new.subject):
        raise RuleError(
            "successor",
            "same-key-other-subject",
            f"{new.name} has the same key as {old.name} and another subject. It vouches for none of the certificates that name "
            f"{old.name}, and connections do not show which of the two did. Choose one with a key of its own.",
        )
    if CARollover.objects.filter(old=new, successor=old, cancelled_at=None).exists():
        raise RuleError("successor", "circle", f"{new.name} is being replaced by {old.name}. Cancel that first.")


def cancel_rollover(actor: User, *, old: CACertificate) -> None:
    """Cancel the replacement: both stay trusted, and a change between their keys is an alarm again. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = current(actor, old)
        rollover = _running(row)
        CARollover.objects.filter(pk=rollover.pk).update(cancelled_at=timezone.now())
        _record(actor, row, "Cancel replacement", rollover.successor)


def confirm_clients(actor: User, *, old: CACertificate, clients: Sequence[int]) -> int:
    """Note that these clients need the old CA certificate no longer, by primary key. Return the number. Raise RuleError.

    Clients that the actor may not change are left out; where none is left, that is an error.
    """
    with transaction.atomic(durable=True):
        rollover = _running(old)
        covered = rights_now(actor, old.namespace_id).reach(Client).condition
        found = Client.objects.present().filter(covered, namespace=old.namespace_id, pk__in=clients[:MOST_CONFIRMED])
        rows = list(found.select_related("team").order_by("pk"))
        if not rows:
            raise RuleError("client", "none-chosen", "Choose clients that you may change.")
        now = timezone.now()
        RolloverConfirmation.objects.bulk_create(
            [RolloverConfirmation(rollover=rollover, client=row, confirmed_at=now, confirmed_by=actor) for row in rows],
            update_conflicts=True,
            unique_fields=["rollover", "client"],
            update_fields=["confirmed_at", "confirmed_by"],
        )
        activity.record_many(
            [
                activity.entry_of(
                    actor,
                    verb="Confirm for replacement",
                    **{**row.in_activity(), "scope_name": old.scope_name()},
                    after={"without": rollover.old_name},
                )
                for row in rows
            ]
        )
    return len(rows)


def remind_teams(actor: User, *, old: CACertificate) -> None:
    """Remind the teams of the clients that have not moved, at most once a day. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = current(actor, old)
        rollover = _running(row)
        now = timezone.now()
        due = CARollover.objects.filter(pk=rollover.pk, reminded_at__lte=now - REMIND_AGAIN)
        if not due.update(reminded_at=now):
            raise RuleError("", "reminded", "They were told within the last day already.")
        assert rollover.successor is not None
        announce_to_teams(rollover, row, rollover.successor, _teams_left(rollover, now))
        _record(actor, row, "Remind of replacement", rollover.successor)


def remind_by_clock(at: datetime) -> None:
    """Remind the teams once a week while any of their clients has not moved."""
    due = CARollover.objects.filter(cancelled_at=None, reminded_at__lte=at - REMIND_BY_CLOCK, old__deleted_at=None)
    for rollover in due.exclude(old=None).exclude(successor=None).select_related("old", "successor", "namespace"):
        with transaction.atomic():
            again = CARollover.objects.filter(pk=rollover.pk, reminded_at=rollover.reminded_at)
            teams = _teams_left(rollover, at)
            if again.update(reminded_at=at) and teams and rollover.old and rollover.successor:
                announce_to_teams(rollover, rollover.old, rollover.successor, teams)


def successions(namespace_pk: int) -> Iterable[Succession]:
    """Return the keys of each CA certificate that is, or was, replaced, and of its successor."""
    rows = CARollover.objects.filter(namespace=namespace_pk, cancelled_at=None)
    for former, successor, teams in rows.values_list("old_key", "successor_key", "quiet_teams"):
        yield Succession(former, successor, None if teams is None else frozenset(teams))


def _quiet_teams(actor: User, namespace_pk: int) -> list[int] | None:
    """Return the teams whose clients the actor may change now; None for every client. Clients of no team are an Owner's to decide."""
    reach = rights_now(actor, namespace_pk).reach(Client)
    return None if reach.everything else sorted(reach.teams)


def teams_of_keys(rollover: CARollover) -> dict[int | None, int]:
    """Return the number of clients whose last connection the old CA certificate vouched for, by team."""
    clients = Client.objects.present().filter(namespace=rollover.namespace_id, anchor_key=rollover.old_key)
    return dict(clients.order_by().values_list("team").annotate(total=Count("pk")))


def _teams_left(rollover: CARollover, at: datetime) -> dict[int | None, int]:
    new = rollover.successor
    if new is None:
        return {}
    places = Places.of(
        rollover, new, at=rollover.namespace.judged_at(at), takes_over=rollover.old_key == rollover.successor_key
    )
    left = all_by_place(rollover, places).filter(place__in=LEFT)
    return dict(left.order_by().values_list("team").annotate(total=Count("pk")))


def _running(old: CACertificate) -> CARollover:
    rollover = rollover_of(old)
    if rollover is None:
        raise RuleError("", "not-started", f"No replacement of {old.name} is under way.")
    return rollover


def _record(actor: User, row: CACertificate, verb: str, new: CACertificate | None) -> None:
    names = {"replaced_by": new.name if new is not None else ""}
    activity.record(actor, verb=verb, **row.in_activity(), after=names)

"""Alarms about revoked certificates that were let in, as pages show them, and the check that a person can make."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count

from certificates.actions.decision_rules.let_in import KNOWN_WITHIN
from certificates.authentication.types import NOT_REVOKED
from certificates.models import RevocationAlarm, RevokedCertificate
from namespaces.models import Client, ConnectionAttempt, Namespace
from sync.models import Sight

MOST_OPEN = 100
MOST_DECIDED = 10


@dataclass(frozen=True)
class ShownAlarm:
    """An alarm, and whether the person may decide. `has_attempt`: the log still has the attempt."""

    alarm: RevocationAlarm
    may_decide: bool
    has_attempt: bool

    @property
    def client(self) -> Client:
        return self.alarm.client


@dataclass(frozen=True)
class LetInAlarms:
    """The open alarms, `total` of them, and those that were decided lately."""

    open: Sequence[ShownAlarm]
    total: int
    decided: Sequence[ShownAlarm]


def let_in_alarms(namespace: Namespace) -> LetInAlarms:
    """Return the alarms of a namespace that the person sees."""
    seen = RevocationAlarm.objects.visible_to(namespace.sight).filter(namespace=namespace.pk)
    seen = seen.select_related("client", "client__team", "decided_by", "reported_by")
    decided = seen.exclude(state=RevocationAlarm.State.OPEN).order_by("-decided_at", "-pk")[:MOST_DECIDED]
    is_open = seen.open()
    return LetInAlarms(_shown(namespace, is_open[:MOST_OPEN]), is_open.count(), _shown(namespace, decided))


def _shown(namespace: Namespace, alarms: Iterable[RevocationAlarm]) -> list[ShownAlarm]:
    alarms = list(alarms)
    cursors = [each.cursor for each in alarms if each.cursor is not None]
    seen = ConnectionAttempt.objects.visible_to(namespace.sight).filter(namespace=namespace.pk, cursor__in=cursors)
    kept = set(seen.values_list("cursor", flat=True)) if cursors else set()
    return [ShownAlarm(each, namespace.rights.covers(each.client), each.cursor in kept) for each in alarms]


def open_let_in(sight: Sight) -> int:
    """Return the number of open alarms that are seen."""
    return RevocationAlarm.objects.visible_to(sight).open().count()


def open_let_in_by_namespace(sight: Sight) -> Mapping[int, int]:
    rows = RevocationAlarm.objects.visible_to(sight).open().order_by()
    return dict(rows.values_list("namespace_id").annotate(total=Count("pk")))


class Outcome(StrEnum):
    """What happened to the revoked test certificate since the switch."""

    NONE = "none"  # no certificate of a client is revoked
    WAITING = "waiting"  # it has not connected since
    REFUSED = "refused"  # this portal was asked, and refused it
    LET_IN = "let-in"


@dataclass(frozen=True)
class RevokedCheck:
    """The check with the client certificate that was revoked last. `attempt`: the last one with it, where the log has one."""

    outcome: Outcome
    revoked: RevokedCertificate | None = None
    attempt: ConnectionAttempt | None = None
    may_report: bool = False


def revoked_check(namespace: Namespace, switched_at: datetime | None) -> RevokedCheck:
    """Return the state of the check, as the person sees it."""
    seen = RevokedCertificate.objects.visible_to(namespace.sight).in_force().filter(namespace=namespace.pk, is_ca=False)
    revoked = seen.exclude(client_name="").order_by("-revoked_at", "-pk").first()
    if revoked is None or switched_at is None:
        return RevokedCheck(Outcome.NONE)
    clients = Client.visible_to(namespace.sight).present().filter(namespace=namespace.pk)
    client = clients.named(revoked.client_name).select_related("team").first()
    if client is None:
        return RevokedCheck(Outcome.NONE)
    may_report = namespace.rights.covers(client)
    alarms = RevocationAlarm.objects.visible_to(namespace.sight).open()
    if alarms.filter(client=client, thumbprint=revoked.thumbprint).exists():
        return RevokedCheck(Outcome.LET_IN, revoked)
    since = max(switched_at, revoked.revoked_at + KNOWN_WITHIN)
    tried = ConnectionAttempt.objects.visible_to(namespace.sight).filter(
        namespace=namespace.pk, thumbprint=revoked.thumbprint, code=NOT_REVOKED, at__gt=since
    )
    attempt = tried.order_by("-cursor").defer("record").first()
    return RevokedCheck(Outcome.REFUSED if attempt else Outcome.WAITING, revoked, attempt, may_report)

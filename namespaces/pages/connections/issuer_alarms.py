"""Alarms about clients that connected with a certificate of another issuer: what happened, and what may be decided."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from namespaces.actions.issuer_alarms import expectable, may_expect
from namespaces.connections.hidden_names import texts_without_hidden_names
from namespaces.models import Client, ClientCertificate, ConnectionAttempt, IssuerAlarm, Namespace
from namespaces.registry import UploadedCA, uploaded_cas
from namespaces.rules.clients import THUMBPRINT_SCHEME
from sync.models import Sight

MOST_OPEN = 100
MOST_DECIDED = 20


@dataclass(frozen=True)
class ShownAlarm:
    """An alarm, with what the person may do about it.

    `same` is the number of further open alarms about the same change of keys that the person may decide with this one.
    `proposes_thumbprint`: the certificate that was expected is known and valid, so Thumbprint Match would close the gap.
    `has_attempt`: the log still has the attempt.
    """

    alarm: IssuerAlarm
    client: Client
    ca: UploadedCA | None
    ca_name: str
    may_decide: bool
    may_expect: bool
    same: int
    proposes_thumbprint: bool
    has_attempt: bool


@dataclass(frozen=True)
class IssuerAlarms:
    """The open alarms, `total` of them, and those that were decided lately."""

    open: Sequence[ShownAlarm]
    total: int
    decided: Sequence[ShownAlarm]


def issuer_alarms(namespace: Namespace, *, at: datetime) -> IssuerAlarms:
    """Return the alarms of a namespace that the person sees."""
    seen = IssuerAlarm.objects.visible_to(namespace.sight).filter(namespace=namespace)
    seen = seen.select_related("client", "client__team", "decided_by")
    is_open = seen.open()
    decided = seen.exclude(state=IssuerAlarm.State.OPEN).order_by("-decided_at", "-pk")[:MOST_DECIDED]
    return IssuerAlarms(
        _shown(namespace, is_open[:MOST_OPEN], at=at), is_open.count(), _shown(namespace, decided, at=at)
    )


def alarms_of(client: Client, *, at: datetime) -> list[ShownAlarm]:
    """Return the open alarms about a client that the person sees."""
    found = IssuerAlarm.objects.open().filter(client=client).select_related("client", "client__team", "decided_by")
    return _shown(client.namespace, found, at=at)


def open_alarms(sight: Sight) -> int:
    """Return the number of open alarms that are seen."""
    return IssuerAlarm.objects.visible_to(sight).open().count()


def open_alarms_in(sight: Sight) -> dict[int, int]:
    """Return the number of open alarms that are seen, by the primary key of the namespace."""
    rows = IssuerAlarm.objects.visible_to(sight).open().order_by()
    return dict(rows.values_list("namespace_id").annotate(total=Count("pk")))


def _shown(namespace: Namespace, alarms: Iterable[IssuerAlarm], *, at: datetime) -> list[ShownAlarm]:
    alarms = list(alarms)
    if not alarms:
        return []
    cas = {each.name: each for each in uploaded_cas(namespace)}
    names = texts_without_hidden_names(namespace, [each.ca_name for each in alarms])
    valid = set(_valid_thumbprints(namespace, alarms, namespace.judged_at(at)))
    attempts = ConnectionAttempt.objects.visible_to(namespace.sight)
    cursors = attempts.filter(namespace=namespace, cursor__in=[each.cursor for each in alarms])
    kept = set(cursors.values_list("cursor", flat=True))
    same = _decidable(namespace, alarms)
    shown = []
    for alarm, ca_name in zip(alarms, names, strict=True):
        may_decide = namespace.rights.covers(alarm.client)
        expects = may_expect(namespace.rights, alarm.client.team_id)
        proposes = alarm.former_thumbprint in valid and alarm.client.validation_scheme != THUMBPRINT_SCHEME
        shown.append(
            ShownAlarm(
                alarm,
                alarm.client,
                cas.get(ca_name),
                ca_name,
                may_decide,
                may_decide and expects,
                max(same[alarm.former_key, alarm.key] - 1, 0) if may_decide and expects else 0,
                may_decide and proposes,
                alarm.cursor in kept,
            )
        )
    return shown


def _valid_thumbprints(namespace: Namespace, alarms: Iterable[IssuerAlarm], at: datetime) -> Iterable[str]:
    """Return the thumbprints of the expected certificates that are still valid."""
    wanted = [each.former_thumbprint for each in alarms if each.former_thumbprint]
    seen = ClientCertificate.objects.visible_to(namespace.sight)
    rows = seen.filter(namespace=namespace, thumbprint__in=wanted, not_after__gt=at)
    return rows.values_list("thumbprint", flat=True)


def _decidable(namespace: Namespace, alarms: Iterable[IssuerAlarm]) -> Counter[tuple[str, str]]:
    """Return the number of open alarms about each change of keys that the person may call expected."""
    may = namespace.rights.reach(Client).condition & expectable(namespace.rights)
    clients = Client.visible_to(namespace.sight).present().filter(may)
    rows = IssuerAlarm.objects.open().filter(namespace=namespace, client__in=clients.order_by().values("pk"))
    rows = rows.filter(key__in={each.key for each in alarms}).order_by()
    counted = rows.values_list("former_key", "key").annotate(total=Count("pk"))
    return Counter({(former, key): total for former, key, total in counted})

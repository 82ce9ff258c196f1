"""The health of a namespace in one word."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, Q, QuerySet, Value

from namespaces.connections.client_certificates import next_ends
from namespaces.models import Namespace
from namespaces.pages.connections.issuer_alarms import open_alarms_in
from namespaces.registry import let_in_by_namespace
from portal.short_cache import kept
from sync import registry
from sync.models import Sight, SyncedModel
from sync.pages.backlog import Figures, figures_by_scope, in_one_statement
from sync.pages.overview import open_findings_in

EXPIRES_SOON = timedelta(days=30)


@dataclass(frozen=True)
class Counts:
    """What a namespace holds, and the state of its sync."""

    ca_certificates: int
    clients: int
    waiting: int
    refused: int
    differing: int  # resources that were changed in Azure outside the portal
    noted: int  # rows that the portal's rules would reject
    alarms: int = 0  # open ones, about clients that came from another CA
    let_in: int = 0  # open ones, about clients that were let in with a revoked certificate


@dataclass(frozen=True)
class Health:
    """One word with its tone (good, info, warning, bad) and a sentence that explains it."""

    code: str
    tone: str
    word: str
    sentence: str


@dataclass(frozen=True)
class Summary:
    namespace: Namespace
    counts: Counts
    next_expiry: datetime | None  # of a CA certificate or of a registered client's
    health: Health


def summarize(namespace: Namespace, at: datetime) -> Summary:
    (summary,) = summarize_all([namespace], at)
    return summary


def summarize_all(namespaces: Iterable[Namespace], at: datetime) -> list[Summary]:
    """Summarize many namespaces, as the person sees them for whom they were read, with as many queries as for one."""
    namespaces = list(namespaces)
    pks, sight = [namespace.pk for namespace in namespaces], Sight.over(each.sight for each in namespaces)
    counts, of_cas = _counts(pks, at, sight), registry.next_expiries(sight)
    of_clients = kept(f"next-ends:{_digest(pks, sight)}", lambda: _next_ends(namespaces, at, sight))
    return [
        Summary(
            each,
            counts[each.pk],
            min((ends[each.pk] for ends in (of_cas, of_clients) if each.pk in ends), default=None),
            health(each, counts[each.pk], of_cas.get(each.pk), at),
        )
        for each in namespaces
    ]


def _next_ends(namespaces: Sequence[Namespace], at: datetime, sight: Sight) -> dict[int, datetime]:
    """Return when the first certificate of a client ends next, by namespace: together for those judged at the same moment."""
    found: dict[int, datetime] = {}
    for moment, pks in together_by_moment(namespaces, at).items():
        found |= next_ends(pks, moment, sight)
    return found


def together_by_moment(namespaces: Iterable[Namespace], at: datetime) -> dict[datetime, list[int]]:
    """Return the primary keys of namespaces by the moment at which their certificates are judged, mostly one for all."""
    found: dict[datetime, list[int]] = {}
    for each in namespaces:
        found.setdefault(each.judged_at(at), []).append(each.pk)
    return found


def _counts(pks: Sequence[int], at: datetime, sight: Sight) -> dict[int, Counts]:
    totals: Counter[tuple[int, str]] = Counter()
    noted: Counter[int] = Counter()
    held = kept(
        f"held:{_digest(pks, sight)}",
        lambda: list(in_one_statement([_held(model, sight) for model in registry.models()])),
    )
    for row in held:
        totals[(row["namespace_id"], row["arm_type"])] += row["total"]
        noted[row["namespace_id"]] += row["noted"]
    by_scope, differing = figures_by_scope(at, sight), open_findings_in(sight)
    alarms, let_in = open_alarms_in(sight), let_in_by_namespace(sight)
    found = {}
    for pk in pks:
        figures = by_scope[pk].figures if pk in by_scope else Figures()
        found[pk] = Counts(
            ca_certificates=totals[(pk, "caCertificates")],
            clients=totals[(pk, "clients")],
            waiting=figures.waiting,
            refused=figures.parked_count,
            differing=differing.get(pk, 0),
            noted=noted[pk],
            alarms=alarms.get(pk, 0),
            let_in=let_in.get(pk, 0),
        )
    return found


def _digest(pks: Sequence[int], sight: Sight) -> str:
    return hashlib.sha256(f"{pks!r}{sight.key}".encode()).hexdigest()


def _held(model: type[SyncedModel], sight: Sight) -> QuerySet[Any, dict[str, Any]]:
    rows: QuerySet[Any, dict[str, Any]] = (
        model.visible_to(sight)
        .present()
        .order_by()
        .values("namespace_id", arm_type=Value(model.arm_type, output_field=CharField()))
        .annotate(total=Count("pk"), noted=Count("pk", filter=~Q(rule_notes=[])))
    )
    return rows


def health(namespace: Namespace, counts: Counts, expiry: datetime | None, at: datetime) -> Health:
    """Return the health. `expiry` is that of the CA certificate that expires first; clients' own do not count."""
    at = namespace.judged_at(at)
    if namespace.import_state == Namespace.Import.FAILED:
        return Health("import-failed", "bad", "Import failed", namespace.import_message)
    if namespace.import_state != Namespace.Import.DONE:
        return Health("importing", "info", "Importing", "The resources that Azure already holds are being imported.")
    if namespace.unreachable_since is not None:
        return Health(
            "unreachable",
            "warning",
            "Unreachable",
            f"{namespace.unreachable_reason} Nothing is lost: changes wait in the portal.",
        )
    if counts.alarms:
        are = "A client" if counts.alarms == 1 else f"{counts.alarms} clients"
        return Health("issuer-alarm", "bad", "Alarm", f"{are} connected with a certificate of another issuer.")
    if counts.let_in:
        are = "A client was" if counts.let_in == 1 else f"{counts.let_in} clients were"
        return Health("revoked-let-in", "bad", "Alarm", f"{are} let in with a revoked certificate.")
    if counts.refused:
        return Health("rejected", "bad", "Rejected", f"Azure rejected {_changes(counts.refused)}.")
    if counts.differing:
        sentence = "One resource was" if counts.differing == 1 else f"{counts.differing} resources were"
        return Health("differs", "warning", "Differs", f"{sentence} changed in Azure, outside this portal.")
    if expiry is not None and expiry <= at:
        return Health(
            "expired", "bad", "Expired", "A CA certificate has expired. Clients that it signed cannot connect."
        )
    if expiry is not None and expiry <= at + EXPIRES_SOON:
        return Health("expires-soon", "warning", "Expires soon", f"A CA certificate expires in {in_days(expiry - at)}.")
    if counts.waiting:
        return Health("syncing", "info", "Syncing", f"{_changes(counts.waiting).capitalize()} on the way to Azure.")
    return Health("healthy", "good", "Healthy", "Everything is in sync with Azure.")


def _changes(number: int) -> str:
    return "one change" if number == 1 else f"{number} changes"


def in_days(span: timedelta) -> str:
    """Return a span in whole days, in words."""
    return "1 day" if span.days == 1 else f"{span.days} days" if span.days else "less than a day"

"""The health of a namespace, and what to do next."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, Q, QuerySet, Value

from namespaces.connections.client_certificates import next_ends
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.models import Client, Namespace
from portal.short_cache import kept
from sync import registry
from sync.models import SyncedModel
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


@dataclass(frozen=True)
class Health:
    """One word with its tone (good, info, warning, bad) and a sentence that explains it."""

    code: str
    tone: str
    word: str
    sentence: str


@dataclass(frozen=True)
class NextStep:
    """What to do now. `url_name` takes the namespace's primary key; empty where there is no link."""

    sentence: str
    label: str = ""
    url_name: str = ""
    changes: bool = False  # a Reader cannot do it
    takes_a_certificate: bool = False  # offer sample certificates


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
    """Summarize many namespaces with as many queries as for one."""
    namespaces = list(namespaces)
    pks = [namespace.pk for namespace in namespaces]
    counts, of_cas = _counts(pks, at), registry.next_expiries(pks)
    of_clients = kept(f"next-ends:{_digest(pks)}", lambda: next_ends(pks, at))
    return [
        Summary(
            each,
            counts[each.pk],
            min((ends[each.pk] for ends in (of_cas, of_clients) if each.pk in ends), default=None),
            health(each, counts[each.pk], of_cas.get(each.pk), at),
        )
        for each in namespaces
    ]


def _counts(pks: Sequence[int], at: datetime) -> dict[int, Counts]:
    totals: Counter[tuple[int, str]] = Counter()
    noted: Counter[int] = Counter()
    held = kept(
        f"held:{_digest(pks)}", lambda: list(in_one_statement([_held(model, pks) for model in registry.models()]))
    )
    for row in held:
        totals[(row["namespace_id"], row["arm_type"])] += row["total"]
        noted[row["namespace_id"]] += row["noted"]
    by_scope, differing = figures_by_scope(at), open_findings_in(pks)
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
        )
    return found


def _digest(pks: Sequence[int]) -> str:
    return hashlib.sha256(repr(pks).encode()).hexdigest()


def _held(model: type[SyncedModel], pks: Sequence[int]) -> QuerySet[Any, dict[str, Any]]:
    manager: Any = model._default_manager  # each registered model has a namespace and rule notes
    rows: QuerySet[Any, dict[str, Any]] = (
        manager.present()
        .filter(namespace__in=pks)
        .order_by()
        .values("namespace_id", arm_type=Value(model.arm_type, output_field=CharField()))
        .annotate(total=Count("pk"), noted=Count("pk", filter=~Q(rule_notes=[])))
    )
    return rows


def health(namespace: Namespace, counts: Counts, expiry: datetime | None, at: datetime) -> Health:
    """Return the health. `expiry` is that of the CA certificate that expires first; clients' own do not count."""
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
        return Health("expires-soon", "warning", "Expires soon", f"A CA certificate expires in {_days(expiry - at)}.")
    if counts.waiting:
        return Health("syncing", "info", "Syncing", f"{_changes(counts.waiting).capitalize()} on the way to Azure.")
    return Health("healthy", "good", "Healthy", "Everything is in sync with Azure.")


def _changes(number: int) -> str:
    return "one change" if number == 1 else f"{number} changes"


def _days(span: timedelta) -> str:
    return "1 day" if span.days == 1 else f"{span.days} days" if span.days else "less than a day"


def next_step(summary: Summary) -> NextStep:
    """The one thing to do now, in the order of the guide."""
    namespace, counts = summary.namespace, summary.counts
    if namespace.import_state in {Namespace.Import.WAITING, Namespace.Import.RUNNING}:
        return NextStep(
            "Certificates and clients that Azure already holds are being imported. You can carry on meanwhile."
        )
    if namespace.import_state == Namespace.Import.FAILED:
        return NextStep("Check the role of the portal's credential in Azure, then try the import again.")
    if counts.refused:
        return NextStep(
            "Azure rejected a change. See the reason, then retry or edit.",
            "See rejected changes",
            _where_refused(namespace),
        )
    if counts.differing:
        return NextStep(
            "Something was changed in Azure outside the portal. Decide what to keep.",
            "See the differences",
            "sync:drift_list",
        )
    if mqtt_endpoint(namespace) is None:
        return NextStep(
            "The MQTT broker of this namespace is off, so no client can connect. Enable it.",
            "Open Configuration",
            "namespaces:configuration_detail",
            changes=True,
        )
    if not counts.ca_certificates and not counts.clients:
        return NextStep(
            "Upload the CA certificate that directly signed your client certificates: an intermediate or the root.",
            "Upload certificate",
            "certificates:ca_certificate_upload",
            changes=True,
            takes_a_certificate=True,
        )
    if not counts.clients:
        return NextStep(
            "Register the first client, so that it can connect.",
            "Create client",
            "namespaces:client_create",
            changes=True,
        )
    if not namespace.connection_attempts.filter(accepted=True).exists():
        return NextStep(
            "Connect a client with its certificate and watch it arrive.",
            "Watch connections",
            "namespaces:connection_list",
            takes_a_certificate=True,
        )
    return NextStep("Nothing to do. Watch the clients connect.", "Watch connections", "namespaces:connection_list")


def _where_refused(namespace: Namespace) -> str:
    in_clients = Client.objects.parked().filter(namespace=namespace).exists()
    return "namespaces:client_list" if in_clients else "certificates:ca_certificate_list"

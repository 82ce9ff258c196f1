"""Is all well with a namespace, what needs somebody, and what to do next."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, Q, QuerySet, Value

from namespaces.connections.client_certificates import next_ends
from namespaces.importing.mqtt_endpoints import mqtt_endpoint
from namespaces.models import Client, Namespace
from sync import registry
from sync.models import SyncedModel
from sync.pages.backlog import Figures, figures_by_scope, in_one_statement
from sync.pages.overview import open_findings_in

EXPIRES_SOON = timedelta(days=30)


@dataclass(frozen=True)
class Counts:
    """What a namespace holds and how far it has come towards Azure."""

    ca_certificates: int
    clients: int
    waiting: int
    refused: int
    differing: int  # resources that were changed in Azure behind the portal's back
    noted: int  # rows that Azure holds and our rules would refuse


@dataclass(frozen=True)
class Health:
    """One word with its tone (good, info, warning, bad) and the sentence behind it."""

    tone: str
    word: str
    sentence: str


@dataclass(frozen=True)
class NextStep:
    """What to do now. `url_name` takes the namespace's primary key; empty where there is nothing to press."""

    sentence: str
    label: str = ""
    url_name: str = ""
    changes: bool = False  # a Reader cannot do it
    takes_a_certificate: bool = False  # sample certificates help who has none


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
    """As many statements for many namespaces as for one."""
    namespaces = list(namespaces)
    pks = [namespace.pk for namespace in namespaces]
    counts, of_cas, of_clients = _counts(pks, at), registry.next_expiries(pks), next_ends(pks, at)
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
    for row in in_one_statement([_held(model, pks) for model in registry.models()]):
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
    """`expiry` is that of the first CA certificate to end: one client's certificate is no matter of all."""
    if namespace.import_state == Namespace.Import.FAILED:
        return Health("bad", "Import failed", namespace.import_message)
    if namespace.import_state != Namespace.Import.DONE:
        return Health("info", "Importing", "The resources that Azure already holds are being imported.")
    if namespace.unreachable_since is not None:
        return Health("warning", "Unreachable", f"{namespace.unreachable_reason} Nothing is lost: changes wait here.")
    if counts.refused:
        return Health("bad", "Refused", f"Azure refused {_changes(counts.refused)}.")
    if counts.differing:
        sentence = "One resource was" if counts.differing == 1 else f"{counts.differing} resources were"
        return Health("warning", "Differs", f"{sentence} changed in Azure, not by this portal.")
    if expiry is not None and expiry <= at:
        return Health("bad", "Expired", "A CA certificate has expired: clients that it signed cannot connect.")
    if expiry is not None and expiry <= at + EXPIRES_SOON:
        return Health("warning", "Expires soon", f"A CA certificate ends in {_days(expiry - at)}.")
    if counts.waiting:
        return Health("info", "Syncing", f"{_changes(counts.waiting).capitalize()} on the way to Azure.")
    return Health("good", "Healthy", "Everything here is in Azure too.")


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
            "Azure refused a change. See its reason, then retry or edit.",
            "See what was refused",
            _where_refused(namespace),
        )
    if counts.differing:
        return NextStep(
            "Something was changed in Azure behind the portal's back. Decide what to keep.",
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
            "Register the first client, so that it may connect.",
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
    return NextStep("Nothing needs you. See who connects.", "Watch connections", "namespaces:connection_list")


def _where_refused(namespace: Namespace) -> str:
    in_clients = Client.objects.parked().filter(namespace=namespace).exists()
    return "namespaces:client_list" if in_clients else "certificates:ca_certificate_list"

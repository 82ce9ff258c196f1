"""What needs a person in a namespace, the most urgent first, each with its one next step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from django.urls import reverse

from certificates.x509.text import one_line, shortened
from namespaces.connections.attempts import has_connection_log
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.models import Client, Namespace
from namespaces.pages.overview.connection_chart import ConnectionChart, Reason
from namespaces.pages.overview.health import EXPIRES_SOON, Summary, in_days
from namespaces.pages.overview.trust import Trust
from sync.models import Finding
from sync.pages.overview import loud_findings

MOST_THEN = 3  # further needs that are named beside the first


@dataclass(frozen=True)
class Need:
    """One thing that needs a person. `subject` and `sentence` are read together; `label` is on the button to `url`."""

    code: str
    tone: str  # "bad": refused or rejected; "warning": needs a decision; "info": the next step of the guide; "good"
    subject: str
    sentence: str
    label: str = ""
    url: str = ""
    changes: bool = False  # a Reader cannot do it
    takes_a_certificate: bool = False  # offer sample certificates
    at: datetime | None = None  # when it began, or when it will happen


class Refusals(Protocol):
    """What was refused lately in a namespace."""

    @property
    def last_hour(self) -> int: ...
    @property
    def reasons(self) -> Sequence[Reason]: ...


@dataclass(frozen=True)
class Attention:
    """The first need, and those after it."""

    first: Need
    then: tuple[Need, ...]


def attention(
    summary: Summary, trust: Trust, connections: ConnectionChart, *, at: datetime, has_accepted: bool
) -> Attention:
    """Return what needs a person now.

    Args:
        summary: the namespace with its counts.
        trust: its CA certificates and the clients behind them.
        connections: its connections of a period that ends now.
        at: the current time.
        has_accepted: whether a client has ever connected.
    """
    loud = loud_findings(summary.namespace.sight) if summary.counts.differing else []
    needs = list(needs_in(summary, trust, connections, loud, at=at))
    if not needs:
        needs = [next_step(summary, has_accepted=has_accepted)]
    return Attention(needs[0], tuple(needs[1 : MOST_THEN + 1]))


def needs_in(
    summary: Summary, trust: Trust, refusals: Refusals, loud: Sequence[Finding], *, at: datetime
) -> Iterator[Need]:
    """Yield the needs of one namespace: a refusal that happens now outranks an expiry. `loud`: its findings of that kind."""
    if summary.namespace.import_state == Namespace.Import.DONE:
        yield from _of_alarms(summary)
        yield from _of_the_endpoint(summary, refusals)
        yield from _of_trust(summary, trust, summary.namespace.judged_at(at))
        yield from _of_sync(summary, loud)


def _of_alarms(summary: Summary) -> Iterator[Need]:
    if alarms := summary.counts.alarms:
        sentence = "connected with a certificate of another issuer than before"
        where = _url(summary.namespace, "namespaces:issuer_alarm_list")
        yield Need("issuer-alarm", "bad", _many(alarms, "client"), sentence, "Decide what to do", where)
    if let_in := summary.counts.let_in:
        sentence = (
            f"{'was' if let_in == 1 else 'were'} let in with a revoked certificate: Azure did not ask this portal"
        )
        where = _url(summary.namespace, "certificates:revoked_list")
        yield Need("revoked-let-in", "bad", _many(let_in, "client"), sentence, "Decide what to do", where)


def _of_the_endpoint(summary: Summary, connections: Refusals) -> Iterator[Need]:
    namespace = summary.namespace
    if namespace.unreachable_since is not None:
        sentence = f"{namespace.unreachable_reason} Nothing is lost: changes wait in the portal."
        where = _url(namespace, "sync:sync_overview")
        since = namespace.unreachable_since
        yield Need("unreachable", "warning", "Azure cannot be reached.", sentence, "See what waits", where, at=since)
    if mqtt_endpoint(namespace) is None and summary.counts.clients:
        where = _url(namespace, "namespaces:configuration_detail")
        sentence = "No client can connect."
        yield Need("broker-off", "bad", "The MQTT broker is off.", sentence, "Open Configuration", where, changes=True)
    if connections.last_hour:
        reasons = connections.reasons
        why = f": {reasons[0].label.lower()}" if len(reasons) == 1 else ""
        where = f"{_url(namespace, 'namespaces:connection_list')}?span=1h&verdict=refused"
        subject = _many(connections.last_hour, "connection")
        yield Need("refused-now", "bad", subject, f"refused in this hour{why}", "See who and why", where)


def _of_trust(summary: Summary, trust: Trust, at: datetime) -> Iterator[Need]:
    expiring = trust.expiring(until=at + EXPIRES_SOON)
    expired = [ca for ca in expiring if ca.not_after is not None and ca.not_after <= at]
    for ca in expired:
        sentence = f"has expired; {_depend(trust.behind(ca))}"
        yield Need("ca-expired", "bad", ca.name, sentence, "Replace it", ca.url, at=ca.not_after)
    for ca in trust.cas:
        if ca.waits:
            sentence = "is not sent to Azure before someone proves possession of its key"
            yield Need("proof-missing", "warning", ca.name, sentence, "Prove possession", ca.url)
    untrusted = trust.untrusted_count
    if untrusted:
        verb = "has" if untrusted == 1 else "have"
        yield Need(
            "no-trusted-issuer",
            "warning",
            _many(untrusted, "client"),
            f"{verb} no trusted issuer{_issued_by(trust)}",
            "Upload certificate",
            _url(summary.namespace, "certificates:ca_certificate_upload"),
            changes=True,
            takes_a_certificate=not summary.counts.ca_certificates,
        )
    for ca in expiring:
        if ca not in expired and ca.not_after is not None:
            sentence = f"expires in {in_days(ca.not_after - at)}; {_depend(trust.behind(ca))}"
            yield Need("ca-expires", "warning", ca.name, sentence, "Plan its replacement", ca.url, at=ca.not_after)


def _issued_by(trust: Trust) -> str:
    """Name the issuer of most clients without a trusted one, where it is known."""
    issuer, clients = trust.untrusted.most_common(1)[0]
    if not issuer:
        return ""
    named = shortened(one_line(issuer))
    return f", {clients:,} of them issued by {named}" if len(trust.untrusted) > 1 else f"; issued by {named}"


def _of_sync(summary: Summary, loud: Sequence[Finding]) -> Iterator[Need]:
    namespace, counts = summary.namespace, summary.counts
    if counts.refused:
        sentence = f"{'was' if counts.refused == 1 else 'were'} rejected by Azure"
        where = _url(namespace, "sync:sync_refused")
        yield Need("rejected", "bad", _many(counts.refused, "change"), sentence, "See why and retry", where)
    where = _url(namespace, "sync:drift_list")
    if loud:
        subject = f"{loud[0].name} and {len(loud) - 1} more" if len(loud) > 1 else loud[0].name
        sentence = "changed in Azure in a way that may let clients in"
        found_at = loud[0].found_at
        yield Need("loud-difference", "warning", subject, sentence, "Decide what to keep", where, at=found_at)
    elif counts.differing:
        sentence = f"{'was' if counts.differing == 1 else 'were'} changed in Azure, outside this portal"
        yield Need(
            "differences", "warning", _many(counts.differing, "resource"), sentence, "Decide what to keep", where
        )


def next_step(summary: Summary, *, has_accepted: bool) -> Need:
    """Return what to do where nothing is wrong: the next step of the guide."""
    namespace, counts = summary.namespace, summary.counts
    if namespace.import_state == Namespace.Import.FAILED:
        sentence = "Check the role of the portal's credential in Azure, then try the import again."
        return Need("import-failed", "bad", "The import has failed.", sentence)
    if namespace.import_state != Namespace.Import.DONE:
        sentence = "What Azure already holds is being imported. You can carry on meanwhile."
        return Need("importing", "info", "Importing.", sentence)
    if mqtt_endpoint(namespace) is None:
        return replace(_BROKER_OFF, url=_url(namespace, _BROKER_OFF.url))
    if not counts.clients:
        step = _NO_CLIENT if counts.ca_certificates else _NO_CERTIFICATE
        return replace(step, url=_url(namespace, step.url))
    if not has_connection_log():
        return _NOT_KNOWN
    if not has_accepted:
        return replace(_NO_CONNECTION, url=_url(namespace, _NO_CONNECTION.url))
    if counts.waiting:
        where = _url(namespace, "sync:sync_overview")
        return Need("syncing", "info", _many(counts.waiting, "change"), "on the way to Azure.", "See what waits", where)
    return replace(_ALL_GOOD, url=_url(namespace, _ALL_GOOD.url))


# The steps of the guide. `url` is the name of a page of the namespace.
_BROKER_OFF = Need(
    "broker-off",
    "info",
    "The MQTT broker of this namespace is off.",
    "Enable it, so that clients can connect.",
    "Open Configuration",
    "namespaces:configuration_detail",
    changes=True,
)
_NO_CERTIFICATE = Need(
    "no-certificate",
    "info",
    "Start here:",
    "upload the CA certificate that directly signed your client certificates, an intermediate or the root.",
    "Upload certificate",
    "certificates:ca_certificate_upload",
    changes=True,
    takes_a_certificate=True,
)
_NO_CLIENT = Need(
    "no-client",
    "info",
    "Next:",
    "register the first client, so that it can connect.",
    "Create client",
    "namespaces:client_create",
    changes=True,
)
_NO_CONNECTION = Need(
    "no-connection",
    "info",
    "Next:",
    "connect a client with its certificate and watch it arrive.",
    "Watch connections",
    "namespaces:connection_list",
    takes_a_certificate=True,
)
_NOT_KNOWN = Need(
    "not-known",
    "good",
    "In sync with Azure.",
    "Whether clients connect is not known here: Azure sends no connection log.",
)
_ALL_GOOD = Need(
    "all-good",
    "good",
    "All good.",
    "Clients connect, and everything is in sync with Azure.",
    "Watch connections",
    "namespaces:connection_list",
)


def _url(namespace: Namespace, name: str) -> str:
    return reverse(name, args=[namespace.pk])


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _depend(clients: int) -> str:
    if not clients:
        return "no client is known to depend on it"
    return f"{_many(clients, 'client')} {'depends' if clients == 1 else 'depend'} on it"


def has_accepted_any(namespace: Namespace) -> bool:
    """Return whether a registered client has ever connected."""
    return Client.visible_to(namespace.sight).present().filter(last_seen_at__isnull=False).exists()

"""Expiry dates in a namespace: of its CA certificates, and of the certificates seen from its clients."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.urls import reverse
from icalendar import Alarm, Calendar, Event

from certificates.models import CACertificate
from certificates.pages.refused_certificates import RefusedCertificate, refused_certificates
from certificates.x509.certificate import NO_EXPIRY_YEAR
from certificates.x509.text import one_line, shortened
from namespaces.models import Client, ClientCertificate, Namespace

PAST = timedelta(days=30)  # certificates that expired earlier are not listed
MAX_EXPIRIES = 5000
# Certificates without a defined expiry, such as those by device manufacturers, expire on the last day of this year.
BEFORE_NO_EXPIRY = datetime(NO_EXPIRY_YEAR, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
REMIND_BEFORE = timedelta(days=14)


@dataclass(frozen=True)
class Expiry:
    """One certificate and its expiry. `kind` is "CA certificate" or "Client certificate"; `name` is the resource's."""

    kind: str
    name: str
    subject: str
    thumbprint: str
    not_before: datetime | None
    not_after: datetime
    url: str
    note: str


def expiries_of(
    namespace: Namespace,
    *,
    at: datetime,
    now: datetime | None = None,
    within: timedelta | None = None,
    with_refused: bool = False,
) -> list[Expiry]:
    """Return the expiry dates from a month ago on, the earliest first.

    Arguments: `at`, an aware datetime; `now`, from when the month counts, if certificates are judged ahead of the clock: what
    expired because of that is listed too; `within`, how far ahead to look; `with_refused`, whether to include certificates
    of refused clients, which the calendar leaves out.
    """
    until = at + within if within is not None else BEFORE_NO_EXPIRY
    since = (now or at) - PAST
    span = {"not_after__gt": since, "not_after__lte": until}
    cas = CACertificate.visible_to(namespace.sight).present().filter(**span)
    names = {name.lower(): name for name in Client.visible_to(namespace.sight).present().values_list("name", flat=True)}
    shown = ClientCertificate.objects.visible_to(namespace.sight).filter(**span).order_by("not_after")[:MAX_EXPIRIES]
    found = [_of_ca(row) for row in cas if row.not_after is not None]
    found += [_of_client(row, names[row.client_name.lower()]) for row in shown if row.client_name.lower() in names]
    if with_refused:
        refused = refused_certificates(namespace, at=at)
        found += [_of_refused(namespace, each) for each in refused if since < each.leaf.not_after <= until]
    return sorted(found, key=lambda expiry: (expiry.not_after, expiry.kind, expiry.name))[:MAX_EXPIRIES]


def _of_ca(row: CACertificate) -> Expiry:
    assert row.not_after is not None
    url = reverse("certificates:ca_certificate_detail", args=[row.namespace_id, row.name])
    note = "not used by any connection" if row.last_used_at is None else "in use"
    return Expiry("CA certificate", row.name, row.subject, row.thumbprint, row.not_before, row.not_after, url, note)


def _of_client(row: ClientCertificate, name: str) -> Expiry:
    url = reverse("namespaces:client_detail", args=[row.namespace_id, name])
    note = "has connected" if row.has_connected else "was tested"
    return Expiry("Client certificate", name, row.subject, row.thumbprint, None, row.not_after, url, note)


def _of_refused(namespace: Namespace, refused: RefusedCertificate) -> Expiry:
    url = reverse("namespaces:client_detail", args=[namespace.pk, refused.client_name])
    leaf = refused.leaf
    return Expiry(
        "Client certificate",
        refused.client_name,
        leaf.subject,
        leaf.thumbprint_sha256,
        leaf.not_before,
        leaf.not_after,
        url,
        f"was {refused.why}",
    )


def calendar_of(namespace: Namespace, expiries: list[Expiry], *, at: datetime, base_url: str) -> bytes:
    """Return the expiry dates as an RFC 5545 calendar with reminders. `base_url` has no trailing slash."""
    calendar = Calendar()
    calendar.add("prodid", "-//MQTT namespace portal//expiries//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"{namespace.name}: certificate expiries")
    for expiry in expiries:
        event = Event()
        event.add("uid", f"{expiry.thumbprint}-{namespace.pk}@mqtt-namespace-portal")
        event.add("dtstamp", at)
        event.add("dtstart", expiry.not_after.date())
        event.add("summary", f"{expiry.kind} {expiry.name} expires ({namespace.name})")
        event.add(
            "description", f"{shortened(one_line(expiry.subject))}\nExpires {expiry.not_after:%d %b %Y %H:%M} UTC"
        )
        event.add("url", f"{base_url}{expiry.url}")
        event.add("transp", "TRANSPARENT")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", f"{expiry.kind} {expiry.name} expires soon")
        alarm.add("trigger", -REMIND_BEFORE)
        event.add_component(alarm)
        calendar.add_component(event)
    return bytes(calendar.to_ical())

"""The certificates on the revocation list of one CA: which they are, since when, and which of them clients here have shown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.core.paginator import Page, Paginator
from django.http import QueryDict

from certificates.authentication.certification_paths import signed_by
from certificates.authentication.rules.revocation_lists import ListError, known_list
from certificates.authentication.rules.types import REASONS, ListEntry
from certificates.models import CACertificate, RevocationList
from certificates.x509.certificate import Certificate, DecodingError, load_certificate, name_mark, public_key_hash
from certificates.x509.serial_numbers import serial_digits, serial_text, serials_written
from namespaces.models import Client, ClientCertificate
from portal.listing import asked_text

PAGE_SIZE = 50
MOST_KNOWN = 500  # certificates of clients here, whose signatures are checked
ALL, KNOWN = "all", "known"
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ShownEntry:
    """One certificate on the list. `ca` or `client_name` where it is known here; `is_there`: the client still exists."""

    digits: str
    serial: str
    reason: str
    revoked_at: datetime | None
    client_name: str = ""
    is_there: bool = False
    ca: CACertificate | None = None
    subject: str = ""


@dataclass(frozen=True)
class EntryPage:
    """One page of a list; `query` narrows it to a serial number, `which` to what is known here. `problem`: the list cannot be used."""

    row: RevocationList | None
    page: Page[ShownEntry] | None
    which: str = ALL
    query: str = ""
    is_serial: bool = True
    total: int = 0
    known: int = 0
    problem: str = ""


def entry_page(ca: CACertificate, asked: QueryDict) -> EntryPage:
    """Return the part of the list that is asked for. `ca` comes with the person's rights."""
    row = RevocationList.objects.filter(ca=ca, added_at__isnull=False).first()
    if row is None:
        return EntryPage(None, None)
    if public_key_hash(bytes(ca.der)) != row.signer_key:
        return EntryPage(row, None, problem="other-key")
    try:
        entries = known_list(bytes(row.der), bytes(ca.der)).entries
    except ListError as error:
        return EntryPage(row, None, problem=error.code)
    known = _known(ca, entries)
    query, which = asked_text(asked, "q"), KNOWN if asked_text(asked, "which") == KNOWN else ALL
    wanted = serials_written(query)
    found = [digits for digits in entries if which == ALL or digits in known]
    if query:
        found = [digits for digits in found if digits in wanted]
    shown = [known.get(digits) or _shown(digits, entries[digits]) for digits in found]
    shown.sort(key=lambda each: (each.revoked_at or _LONG_AGO, each.digits), reverse=True)
    page = Paginator(shown, PAGE_SIZE).get_page(asked.get("page", ""))
    return EntryPage(row, page, which, query, bool(wanted) or not query, len(entries), len(known))


def _shown(digits: str, entry: ListEntry, **more: object) -> ShownEntry:
    reason = REASONS.get(entry.reason, entry.reason)
    facts = {"serial": serial_text(int(digits, 16)), "reason": reason, "revoked_at": entry.revoked_at}
    return ShownEntry(digits, **facts, **more)  # type: ignore[arg-type]


def _known(ca: CACertificate, entries: Mapping[str, ListEntry]) -> dict[str, ShownEntry]:
    """Return the entries for certificates that this CA's key signed and that the person sees here."""
    issuer = load_certificate(bytes(ca.der))
    found = {}
    for certificate, more in (*_of_clients(ca, issuer, entries), *_of_cas(ca)):
        digits = serial_digits(certificate.serial_number)
        if digits in entries and certificate.issuer_key == issuer.subject_key and signed_by(certificate, issuer):
            found[digits] = _shown(digits, entries[digits], subject=certificate.subject, **more)
    return found


def _of_clients(
    ca: CACertificate, issuer: Certificate, entries: Mapping[str, ListEntry]
) -> Iterator[tuple[Certificate, dict[str, object]]]:
    namespace = ca.namespace
    seen = ClientCertificate.objects.visible_to(namespace.sight).filter(namespace=namespace.pk)
    below = seen.filter(path__startswith=name_mark(issuer.subject)).order_by("-seen_at")
    listed = [pk for pk, serial in below.values_list("pk", "serial") if serial in entries][:MOST_KNOWN]
    rows = list(seen.filter(pk__in=listed))
    names = {row.client_name.lower() for row in rows}
    clients = Client.visible_to(namespace.sight).present().filter(namespace=namespace.pk)
    there = {name.lower() for name in clients.values_list("name", flat=True)} & names if names else set()
    for row in rows:
        certificate = _readable(bytes(row.der))
        if certificate is not None:
            yield certificate, {"client_name": row.client_name, "is_there": row.client_name.lower() in there}


def _of_cas(ca: CACertificate) -> Iterator[tuple[Certificate, dict[str, object]]]:
    cas = CACertificate.visible_to(ca.namespace.sight).present().filter(namespace=ca.namespace_id)
    for row in cas:
        certificate = _readable(bytes(row.der)) if row.der and row.pk != ca.pk else None
        if certificate is not None:
            yield certificate, {"ca": row}


def _readable(der: bytes) -> Certificate | None:
    try:
        return load_certificate(der)
    except DecodingError:
        return None

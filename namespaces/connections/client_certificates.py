"""The certificates of registered clients, remembered when they are shown: at a connection that was let in, or in a test."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import Greatest, Lower

from certificates.x509.certificate import Certificate, DecodingError, load_certificate, name_mark
from certificates.x509.containers import from_base64, pem_blocks
from certificates.x509.reading import from_stored_pem, to_azure_pem
from certificates.x509.serial_numbers import serial_digits
from namespaces.models import Client, ClientCertificate, Namespace
from sync.models import Sight

MOST_CHAIN = 10
MANY_SEEN = 20  # at once; beyond, the time is exact to the second
Key = TypeVar("Key")
# Columns of a client ← of its latest certificate.
_NOTED = {
    "certificate_thumbprint": "thumbprint",
    "certificate_issuer": "issuer",
    "certificate_path": "path",
    "certificate_subject": "subject",
    "certificate_serial": "serial",
    "certificate_expires_at": "not_after",
    "chain_expires_at": "chain_expires_at",
}


@dataclass(frozen=True)
class Showing:
    """One certificate as a client showed it: leaf first, then what it sent with it."""

    client_name: str
    certificates: tuple[Certificate, ...]
    at: datetime
    has_connected: bool


def remember(namespace_pk: int, showings: Iterable[Showing]) -> None:
    """Keep each certificate once, with its newest showing. The oldest go when a namespace has too many."""
    newest: dict[str, Showing] = {}
    for showing in sorted(showings, key=lambda each: (each.has_connected, each.at)):
        newest[showing.certificates[0].thumbprint_sha256] = showing
    known = ClientCertificate.objects.filter(namespace=namespace_pk, thumbprint__in=newest)
    rows = {row.thumbprint: row for row in known}
    fresh = [_row(namespace_pk, showing) for thumbprint, showing in newest.items() if thumbprint not in rows]
    ClientCertificate.objects.bulk_create(fresh, ignore_conflicts=True)
    same = {
        row.pk: newest[thumbprint].at for thumbprint, row in rows.items() if not _show_again(row, newest[thumbprint])
    }
    for at, pks in by_time(same).items():
        ClientCertificate.objects.filter(pk__in=pks).update(seen_at=Greatest("seen_at", at))
    note_latest(namespace_pk, {showing.client_name for showing in newest.values()})
    if fresh:
        _drop_oldest(namespace_pk)


def by_time(seen: Mapping[Key, datetime]) -> dict[datetime, list[Key]]:
    """Return what was seen by its time, so that one statement is enough for each. Where there are many, the times are the last
    of their second."""
    last: dict[datetime, datetime] = {}
    for at in seen.values():
        second = at.replace(microsecond=0) if len(seen) > MANY_SEEN else at
        last[second] = max(at, last.get(second, at))
    found: dict[datetime, list[Key]] = {}
    for key, at in seen.items():
        second = at.replace(microsecond=0) if len(seen) > MANY_SEEN else at
        found.setdefault(last[second], []).append(key)
    return found


def _show_again(row: ClientCertificate, showing: Showing) -> bool:
    """The certificate of a client's last connection counts; a test counts only before the first connection.

    Return False where nothing but the time of the last showing is new, which the caller keeps.
    """
    if row.has_connected and not showing.has_connected:
        return True
    changes: dict[str, Any] = {}
    if showing.at >= row.seen_at or not row.has_connected:
        changes = {
            "client_name": showing.client_name,
            "chain": _chain_of(showing),
            "path": path_of(showing.certificates),
            "chain_expires_at": chain_end(showing.certificates),
        }
    changes = {name: value for name, value in changes.items() if value != getattr(row, name)}
    if not changes and row.has_connected == showing.has_connected:
        return False
    ClientCertificate.objects.filter(pk=row.pk).update(
        seen_at=Greatest("seen_at", showing.at), has_connected=showing.has_connected, **changes
    )
    return True


def _chain_of(showing: Showing) -> list[str]:
    return [to_azure_pem(certificate.der) for certificate in showing.certificates[1 : MOST_CHAIN + 1]]


def _row(namespace_pk: int, showing: Showing) -> ClientCertificate:
    leaf = showing.certificates[0]
    return ClientCertificate(
        namespace_id=namespace_pk,
        client_name=showing.client_name,
        thumbprint=leaf.thumbprint_sha256,
        der=leaf.der,
        chain=_chain_of(showing),
        subject=leaf.subject,
        issuer=leaf.issuer,
        serial=serial_digits(leaf.serial_number),
        path=path_of(showing.certificates),
        not_after=leaf.not_after,
        chain_expires_at=chain_end(showing.certificates),
        seen_at=showing.at,
        has_connected=showing.has_connected,
    )


def path_of(certificates: Sequence[Certificate]) -> str:
    """Return the marks of the issuers of a certificate and of what was sent with it, each once, as one text.

    A CA certificate can only be above the certificate when the mark of its subject is among them.
    """
    marks = dict.fromkeys(name_mark(certificate.issuer) for certificate in certificates)
    return " ".join(marks)


def chain_end(certificates: Sequence[Certificate]) -> datetime | None:
    """Return when the first of the intermediates expires that were sent with a certificate and are above it, None where none was.

    A root that is sent does not count: Azure trusts what is uploaded, not what a client sends.
    """
    above, sent = certificates[0], list(certificates[1 : MOST_CHAIN + 1])
    ends = []
    while found := [each for each in sent if each.subject_key == above.issuer_key]:
        above = max(found, key=lambda each: each.not_after)
        if above.subject_key == above.issuer_key:
            break
        ends.append(above.not_after)
        sent = [each for each in sent if each.subject_key != above.subject_key]
    return min(ends, default=None)


def note_latest(namespace_pk: int, names: Collection[str] | None = None) -> None:
    """Copy what is known of the latest certificate of these clients, or of all, to their rows.

    The latest is that of a connection, else that of a test.
    """
    shown = ClientCertificate.objects.filter(namespace=namespace_pk).order_by("has_connected", "seen_at", "pk")
    clients = Client.objects.filter(namespace=namespace_pk)
    if names is not None:
        shown = shown.filter(client_name__in=names)
        clients = clients.annotate(lower=Lower("name")).filter(lower__in={name.lower() for name in names})
    columns = shown.values_list("client_name", *_NOTED.values())
    latest = {name.lower(): tuple(values) for name, *values in columns}
    for pk, name, *values in clients.values_list("pk", "name", *_NOTED):
        found = latest.get(name.lower())
        if found is not None and found != tuple(values):
            Client.objects.filter(pk=pk).update(**dict(zip(_NOTED, found, strict=True)))


def _drop_oldest(namespace_pk: int) -> None:
    rows = ClientCertificate.objects.filter(namespace=namespace_pk)
    kept = rows.order_by("-seen_at").values_list("pk", flat=True)[: settings.CLIENT_CERTIFICATES_KEEP]
    if rows.count() > settings.CLIENT_CERTIFICATES_KEEP:
        rows.exclude(pk__in=list(kept)).delete()


def next_ends(namespace_pks: Collection[int], at: datetime, sight: Sight) -> dict[int, datetime]:
    """When the first of the certificates that registered clients have shown ends next, where one does.

    The same certificates as the page Expiries lists. Each namespace walks along the ends to the first that counts.
    """
    registered = (
        Client.visible_to(sight)
        .present()
        .annotate(lower=Lower("name"))
        .filter(namespace=OuterRef("namespace"), lower=Lower(OuterRef("client_name")))
    )
    coming = ClientCertificate.objects.filter(Exists(registered), namespace=OuterRef("pk"), not_after__gt=at)
    first = Subquery(coming.order_by("not_after").values("not_after")[:1])
    rows = Namespace.objects.filter(pk__in=namespace_pks).order_by().annotate(first=first).values_list("pk", "first")
    return {pk: end for pk, end in rows if end is not None}


def shown_certificates(namespace: Namespace, most: int = 500) -> list[Certificate]:
    """Return the certificates that clients presented lately, with their chains, to distinguish a root from the issuing CA."""
    found: dict[bytes, Certificate] = {}
    rows = ClientCertificate.objects.visible_to(namespace.sight).order_by("-seen_at")[:most]
    for row in rows:
        for certificate in certificates_of(row):
            found.setdefault(certificate.der, certificate)
    return list(found.values())


def certificates_of(row: ClientCertificate) -> tuple[Certificate, ...]:
    """Leaf first, then what was sent with it."""
    return (load_certificate(bytes(row.der)), *read_chain(row.chain))


def presented_ders(pems: Sequence[object]) -> tuple[bytes, ...]:
    """What a log says was presented, as DER: the client's own certificate first, however damaged; b"" where it is none."""
    found = [_der_of(str(pem)) for pem in pems]
    return tuple(der for at, der in enumerate(found) if der or at == 0)


def _der_of(pem: str) -> bytes:
    try:
        return from_stored_pem(pem)
    except DecodingError:  # no certificate, or a damaged one: the engine reports what is wrong with it
        blocks = pem_blocks(pem.encode("utf-8", "replace"))
        return from_base64(blocks[0][1]) if blocks else b""


def read_chain(pems: Sequence[object]) -> tuple[Certificate, ...]:
    """Certificates from PEM texts; what is none is left out."""
    found = []
    for pem in pems:
        try:
            found.append(load_certificate(from_stored_pem(str(pem))))
        except DecodingError:
            continue
    return tuple(found)

"""The sessions that a revoked certificate opened: they end at once where the target can do that."""

from collections.abc import Collection, Iterator

from django.db.models import Q

from certificates.models import CACertificate
from certificates.x509.certificate import Certificate, DecodingError, load_certificate, name_mark, public_key_hash
from certificates.x509.reading import from_azure_pem
from certificates.x509.serial_numbers import serial_digits
from namespaces.models import Client, ClientCertificate, Namespace, NamespaceConfiguration
from namespaces.rules.clients import THUMBPRINT_SCHEME
from sync.capabilities.session_endings import end_sessions_on_commit

REASON = "The certificate of this client, or one above it, is revoked."


def end_sessions_of(namespace: Namespace, certificate: Certificate, *, is_ca: bool) -> None:
    """End what a certificate opened, where this portal decides: by the certificate itself and, for a CA, by the names of clients
    whose last connection was below it. Call it in the transaction of the revocation.
    """
    if not _portal_decides(namespace):
        return
    names = _names_below(namespace, certificate) if is_ca else []
    thumbprints = [certificate.thumbprint_sha256]
    end_sessions_on_commit(namespace.resource_id, thumbprints=thumbprints, names=names, reason=REASON)


def end_sessions_listed(row: CACertificate, entries: Collection[str]) -> None:
    """End what the certificates on the revocation list of a CA opened, as `end_sessions_of`. `entries`: as `serial_digits`.

    A certificate is known by the name of its issuer and its serial number here. Where another key has the same name, its client
    only connects again. Call it in the transaction in which the list begins to count.
    """
    namespace = row.namespace
    if not entries or not _portal_decides(namespace):
        return
    issuer = load_certificate(bytes(row.der))
    mark = name_mark(issuer.subject)
    signed = ClientCertificate.objects.filter(namespace=namespace.pk, path__startswith=mark)
    thumbprints = [thumbprint for thumbprint, serial in signed.values_list("thumbprint", "serial") if serial in entries]
    names: set[str] = set()
    for certificate in _cas_below(namespace, issuer, mark):
        if serial_digits(certificate.serial_number) in entries:
            names.update(_names_below(namespace, certificate))
    end_sessions_on_commit(namespace.resource_id, thumbprints=thumbprints, names=sorted(names), reason=REASON)


def _portal_decides(namespace: Namespace) -> bool:
    """Azure, or an emulator of it, accepts a revoked certificate again at the next CONNECT."""
    return NamespaceConfiguration.objects.filter(namespace=namespace.pk).exclude(webhook_url="").exists()


def _cas_below(namespace: Namespace, issuer: Certificate, mark: str) -> Iterator[Certificate]:
    """Yield the CA certificates that this one issued: those of the namespace, and those that clients sent."""
    ders = {bytes(der) for der in CACertificate.objects.filter(namespace=namespace.pk).values_list("der", flat=True)}
    sent = ClientCertificate.objects.filter(namespace=namespace.pk, path__contains=f" {mark}").exclude(chain=[])
    pems = {pem for chain in sent.values_list("chain", flat=True) for pem in chain}
    for each in ders | pems:
        try:
            certificate = load_certificate(from_azure_pem(each) if isinstance(each, str) else each)
        except DecodingError:
            continue
        if certificate.issuer_key == issuer.subject_key:
            yield certificate


def _names_below(namespace: Namespace, certificate: Certificate) -> list[str]:
    key = public_key_hash(certificate.der)
    if not key:
        return []
    clients = Client.objects.present().filter(Q(issuer_key=key) | Q(anchor_key=key), namespace=namespace.pk)
    return list(clients.exclude(validation_scheme=THUMBPRINT_SCHEME).values_list("authentication_name", flat=True))

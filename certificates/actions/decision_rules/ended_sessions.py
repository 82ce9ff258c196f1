"""The sessions that a revoked certificate opened: they end at once where the target can do that."""

from django.db.models import Q

from certificates.x509.certificate import Certificate, public_key_hash
from namespaces.models import Client, Namespace, NamespaceConfiguration
from namespaces.rules.clients import THUMBPRINT_SCHEME
from sync.capabilities.session_endings import end_sessions_on_commit

REASON = "The certificate of this client, or one above it, is revoked."


def end_sessions_of(namespace: Namespace, certificate: Certificate, *, is_ca: bool) -> None:
    """End what a certificate opened, where this portal decides: by the certificate itself and, for a CA, by the names of clients
    whose last connection was below it. Call it in the transaction of the revocation.
    """
    if not NamespaceConfiguration.objects.filter(namespace=namespace.pk).exclude(webhook_url="").exists():
        return  # Azure, or an emulator of it, accepts the certificate again at the next CONNECT
    names = _names_below(namespace, certificate) if is_ca else []
    thumbprints = [certificate.thumbprint_sha256]
    end_sessions_on_commit(namespace.resource_id, thumbprints=thumbprints, names=names, reason=REASON)


def _names_below(namespace: Namespace, certificate: Certificate) -> list[str]:
    key = public_key_hash(certificate.der)
    if not key:
        return []
    clients = Client.objects.present().filter(Q(issuer_key=key) | Q(anchor_key=key), namespace=namespace.pk)
    return list(clients.exclude(validation_scheme=THUMBPRINT_SCHEME).values_list("authentication_name", flat=True))

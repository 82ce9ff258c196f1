"""The certificates that a client has shown, and the keys that are pinned for it, as its page lists them."""

from collections.abc import Sequence
from dataclasses import dataclass

from certificates.models import CACertificate, PinnedKey, RevokedCertificate
from certificates.x509.certificate import public_key_hash
from namespaces.models import Client, ClientCertificate
from sync.models import same_name

MOST = 50  # of one client


@dataclass(frozen=True)
class ShownCertificate:
    """A certificate of the client, with its revocation where it is revoked. `is_latest`: it counts as the client's certificate now."""

    row: ClientCertificate
    revoked: RevokedCertificate | None
    is_latest: bool


def certificates_shown_by(client: Client) -> Sequence[ShownCertificate]:
    """Return the certificates of a client that the person sees, the newest first."""
    seen = ClientCertificate.objects.visible_to(client.namespace.sight).filter(namespace=client.namespace_id)
    rows = list(seen.filter(same_name("client_name", client.name)).order_by("-seen_at", "-pk")[:MOST])
    in_force = RevokedCertificate.objects.visible_to(client.namespace.sight).in_force()
    of_these = in_force.filter(namespace=client.namespace_id, thumbprint__in=[row.thumbprint for row in rows])
    revoked = {each.thumbprint: each for each in of_these.select_related("revoked_by")}
    latest = client.certificate_thumbprint
    return [ShownCertificate(row, revoked.get(row.thumbprint), row.thumbprint == latest) for row in rows]


@dataclass(frozen=True)
class ShownPin:
    """A pinned key, and the CA certificate that has it now, of those that the person sees."""

    row: PinnedKey
    ca: CACertificate | None


def shown_pins_of(client: Client) -> Sequence[ShownPin]:
    """Return the pinned keys of a client, in the order in which they were pinned."""
    pins = list(PinnedKey.objects.filter(client=client).select_related("pinned_by"))
    if not pins:
        return ()
    seen = CACertificate.visible_to(client.namespace.sight).present().filter(namespace=client.namespace_id)
    cas = {public_key_hash(bytes(row.der)): row for row in seen if row.der}
    return [ShownPin(pin, cas.get(pin.spki_sha256)) for pin in pins]

"""The certificates that a client has shown, and the keys that are pinned for it, as its page lists them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from certificates.authentication.certification_paths import TrustAnchors
from certificates.authentication.rules.revocation import RevokedOnPath, path_shown, revoked_on_path
from certificates.models import CACertificate, PinnedKey, RevocationAlarm, RevokedCertificate
from certificates.namespace_rules import rules_of
from certificates.x509.certificate import public_key_hash
from namespaces.connections.client_certificates import certificates_of
from namespaces.models import Client, ClientCertificate
from namespaces.rules.clients import THUMBPRINT_SCHEME
from sync.models import same_name

MOST = 50  # of one client


@dataclass(frozen=True)
class ShownCertificate:
    """A certificate of the client, with its revocation where it is revoked. `is_latest`: it counts as the client's certificate now.

    `refused`: what else of its chain is revoked, by a list or above it. `was_let_in`: with it, after it was revoked.
    """

    row: ClientCertificate
    revoked: RevokedCertificate | None
    is_latest: bool
    refused: RevokedOnPath | None = None
    was_let_in: bool = False

    @property
    def is_above(self) -> bool:
        """Return whether a CA certificate above it is revoked, not itself."""
        return self.refused is not None and self.refused.certificate.thumbprint_sha256 != self.row.thumbprint


def certificates_shown_by(client: Client) -> Sequence[ShownCertificate]:
    """Return the certificates of a client that the person sees, the newest first."""
    seen = ClientCertificate.objects.visible_to(client.namespace.sight).filter(namespace=client.namespace_id)
    rows = list(seen.filter(same_name("client_name", client.name)).order_by("-seen_at", "-pk")[:MOST])
    in_force = RevokedCertificate.objects.visible_to(client.namespace.sight).in_force()
    of_these = in_force.filter(namespace=client.namespace_id, thumbprint__in=[row.thumbprint for row in rows])
    revoked = {each.thumbprint: each for each in of_these.select_related("revoked_by")}
    refused = _refused(client, [row for row in rows if row.thumbprint not in revoked])
    alarms = RevocationAlarm.objects.visible_to(client.namespace.sight).open()
    let_in = set(alarms.filter(client=client).values_list("thumbprint", flat=True))
    found = []
    for row in rows:
        on_path = refused.get(row.thumbprint)
        marks = {row.thumbprint, on_path.certificate.thumbprint_sha256 if on_path is not None else ""}
        is_latest = row.thumbprint == client.certificate_thumbprint
        found.append(ShownCertificate(row, revoked.get(row.thumbprint), is_latest, on_path, bool(marks & let_in)))
    return found


def _refused(client: Client, rows: Sequence[ClientCertificate]) -> dict[str, RevokedOnPath]:
    """Return what is revoked on the chains of these certificates, by thumbprint, as the engine looks at it.

    Revocations of a client's certificate by hand count where the person sees them.
    """
    namespace = client.namespace
    rules = rules_of(namespace.pk, sight=namespace.sight)
    if not rows or not rules.checks_revocation:
        return {}
    cas = CACertificate.objects.trusted().filter(namespace=namespace.pk).only("name", "der")
    anchors = TrustAnchors((ca.name, bytes(ca.der)) for ca in cas if ca.der)
    has_chain = client.validation_scheme != THUMBPRINT_SCHEME
    at = namespace.judged_at(timezone.now())
    by_hand = RevokedCertificate.objects.visible_to(namespace.sight).in_force().filter(namespace=namespace.pk)
    seen = set(by_hand.filter(serial__in=[row.serial for row in rows]).values_list("serial", flat=True))
    found = {}
    for row in rows:
        path = path_shown(certificates_of(row), anchors, has_chain=has_chain, at=at)
        on_path = revoked_on_path(path, rules)
        if on_path is None:
            continue
        is_own = on_path.certificate.thumbprint_sha256 == row.thumbprint
        if on_path.by_hand is None or not is_own or row.serial in seen:
            found[row.thumbprint] = on_path
    return found


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

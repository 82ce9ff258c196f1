"""What pages say about the revocation of one certificate."""

from typing import Any

from certificates.models import CACertificate, RevokedCertificate
from certificates.pages.decision_rules.enforcement import enforcement_of
from certificates.pages.decision_rules.seen import seen_certificate
from namespaces.models import Namespace
from namespaces.registry import FoundRevocation


def revocation_of(row: CACertificate) -> dict[str, Any]:
    """Return the revocation of a CA certificate, None where it is not revoked, and who enforces it."""
    return {"revoked": _found(row.namespace, row.thumbprint), "enforcement": enforcement_of(row.namespace)}


def found_revocation(namespace: Namespace, thumbprint: str) -> FoundRevocation | None:
    """Return the revocation of a certificate of an attempt, None where it is not revoked, or not seen."""
    found = _found(namespace, thumbprint)
    if found is not None:
        return FoundRevocation(found.pk, thumbprint)
    in_force = RevokedCertificate.objects.visible_to(namespace.sight).in_force()
    if not in_force.filter(namespace=namespace.pk, thumbprint="").exists():
        return None
    seen = seen_certificate(namespace, thumbprint)  # it was revoked by its serial number before it was seen
    revoked = seen.revoked if seen is not None else None
    return FoundRevocation(revoked.pk, revoked.serial) if revoked is not None else None


def _found(namespace: Namespace, thumbprint: str) -> RevokedCertificate | None:
    if not thumbprint:
        return None
    in_force = RevokedCertificate.objects.visible_to(namespace.sight).in_force()
    return in_force.filter(namespace=namespace.pk, thumbprint=thumbprint).select_related("revoked_by").first()

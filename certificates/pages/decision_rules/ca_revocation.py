"""What the page of a CA certificate says about its revocation."""

from typing import Any

from certificates.models import CACertificate, RevokedCertificate
from certificates.pages.decision_rules.enforcement import enforcement_of


def revocation_of(row: CACertificate) -> dict[str, Any]:
    """Return the revocation of a CA certificate, None where it is not revoked, and who enforces it."""
    in_force = RevokedCertificate.objects.visible_to(row.namespace.sight).in_force()
    revoked = in_force.filter(namespace=row.namespace_id, thumbprint=row.thumbprint) if row.thumbprint else None
    found = revoked.select_related("revoked_by").first() if revoked is not None else None
    return {"revoked": found, "enforcement": enforcement_of(row.namespace)}

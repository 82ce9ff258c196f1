"""CA certificates on the page of a change set: what they are, whom they reach, and what the doctor finds."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from certificates.actions.ca_changes import CA_CERTIFICATE
from certificates.pages.reach import doctor_of_certificate, reach_of_upload
from certificates.reach.counting import reach_of
from certificates.x509.reading import Certificate, DecodingError, read_upload
from certificates.x509.thumbprints import grouped_thumbprint
from namespaces.models import Change, ChangeSet
from namespaces.registry import ChangeField, ChangeSetPart
from portal.models import User


def certificate_in(held: Mapping[str, Any] | None) -> Certificate | None:
    """Return the certificate that a change holds; None where there is none or it cannot be read."""
    text = str((held or {}).get("certificate") or "")
    try:
        return read_upload(text.encode())[0] if text else None
    except DecodingError:
        return None


def certificate_fields(held: Mapping[str, Any]) -> list[ChangeField]:
    """Write out a CA certificate."""
    certificate = certificate_in(held)
    if certificate is None:
        return []
    return [
        ChangeField("subject", "Subject", certificate.subject),
        ChangeField("issuer", "Issuer", certificate.issuer),
        ChangeField("valid_to", "Valid to", f"{certificate.not_after:%d %b %Y}"),
        ChangeField("key", "Key", certificate.key),
        ChangeField("may_sign", "May sign", _may_sign(certificate)),
        ChangeField("thumbprint", "Thumbprint", grouped_thumbprint(certificate.thumbprint_sha256)),
    ]


def _may_sign(certificate: Certificate) -> str:
    if not certificate.is_ca:
        return "nothing: it is no CA certificate"
    if certificate.path_length == 0:
        return "clients only (path length 0)"
    return "clients and further CAs"


def change_set_parts(user: User, change_set: ChangeSet, changes: Sequence[Change]) -> list[ChangeSetPart]:
    """Return the blast radius of the first CA certificate that the set brings, or else takes away; and the doctor's view of it."""
    of_cas = [each for each in changes if each.kind == CA_CERTIFICATE.code]
    coming = [(each, certificate_in(each.values)) for each in of_cas if each.operation != "delete"]
    going = [(each, certificate_in(each.before)) for each in of_cas if each.operation == "delete"]
    found = next(((change, ca) for change, ca in (*coming, *going) if ca is not None), None)
    if found is None:
        return []
    change, certificate = found
    namespace = change_set.namespace
    reach = reach_of_upload(certificate, namespace, user, change.team)
    context: dict[str, Any] = {"reach": reach, "named": change.name, "same_as": ""}
    if change.operation != "delete" and going:
        former, before = going[0]
        if before is not None and reach_of(before, namespace).by_team == reach.reach.by_team:
            context["same_as"] = former.name
    parts = [ChangeSetPart("consequence", "certificates/reach.html", context)]
    if change.operation != "delete":
        doctor = doctor_of_certificate(certificate, namespace, but=change.object_pk)
        facts = {"doctor": doctor, "is_valid": certificate.not_before <= timezone.now() <= certificate.not_after}
        parts.append(ChangeSetPart("beside", "certificates/change_set_doctor.html", facts))
    return parts

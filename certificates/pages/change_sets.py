"""CA certificates on the page of a change set: what they are, whom they reach, and what the doctor finds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from certificates.actions.ca_changes import CA_CERTIFICATE
from certificates.actions.first_contact.templates import TemplateValues
from certificates.authentication.types import SCHEMES_BY_VALUE
from certificates.models import FirstContact
from certificates.pages.first_contact.template import SOURCES
from certificates.pages.reach import ShownReach, doctor_of_certificate, reach_of_upload
from certificates.x509.reading import Certificate, DecodingError, read_upload
from certificates.x509.thumbprints import grouped_thumbprint
from namespaces.models import Change, ChangeSet
from namespaces.registry import ChangeField, ChangeSetPart
from portal.models import Team, User
from sync.control import Operation


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


def template_fields(held: Mapping[str, Any]) -> list[ChangeField]:
    """Write out what a CA certificate does on first contact."""
    values = TemplateValues.from_dict(held)
    team = Team.objects.filter(pk=values.team).first() if values.team is not None else None
    attributes = ", ".join(f"{key}: {value}" for key, value in values.attributes.items())
    return [
        ChangeField("mode", "A device without a client", FirstContact(values.mode).label),
        ChangeField("source", "Name", dict(SOURCES)[values.source]),
        ChangeField("by_thumbprint", "Scheme", SCHEMES_BY_VALUE[values.validation_scheme].label),
        ChangeField("team", "Team of the client", team.name if team is not None else "none"),
        ChangeField("attributes", "Attributes", attributes or "none"),
        ChangeField("patterns", "Names", ", ".join(values.patterns) or "every name"),
        ChangeField("per_minute", "Registrations each minute", str(values.per_minute)),
        ChangeField("per_hour", "Registrations each hour", str(values.per_hour)),
        ChangeField("cap", "Registrations in all", str(values.cap)),
    ]


def _may_sign(certificate: Certificate) -> str:
    if not certificate.is_ca:
        return "nothing: it is no CA certificate"
    if certificate.path_length == 0:
        return "clients only (path length 0)"
    return "clients and further CAs"


def change_set_parts(user: User, change_set: ChangeSet, changes: Sequence[Change]) -> list[ChangeSetPart]:
    """Return the blast radius of each CA certificate that the set brings or takes away, and the doctor's view of the new ones.

    One that goes is only named where a new one reaches the same clients.
    """
    namespace = change_set.namespace
    of_cas = [each for each in changes if each.kind == CA_CERTIFICATE.code]
    coming = _readable((each, each.values) for each in of_cas if each.operation != Operation.DELETE)
    going = [
        (change, reach_of_upload(certificate, namespace, user, change.team))
        for change, certificate in _readable(
            (each, each.before) for each in of_cas if each.operation == Operation.DELETE
        )
    ]
    parts: list[ChangeSetPart] = []
    for change, certificate in coming:
        reach = reach_of_upload(certificate, namespace, user, change.team)
        same = [each for each in going if each[1].reach.by_team == reach.reach.by_team][:1]
        going = [each for each in going if each not in same]
        parts.append(_blast_radius(change, reach, *(former.name for former, _ in same)))
        doctor = doctor_of_certificate(certificate, namespace, but=change.object_pk)
        is_valid = certificate.not_before <= timezone.now() <= certificate.not_after
        facts = {"doctor": doctor, "is_valid": is_valid, "named": change.name if len(coming) > 1 else ""}
        parts.append(ChangeSetPart("beside", "certificates/change_set_doctor.html", facts))
    return [*parts, *(_blast_radius(change, reach) for change, reach in going)]


def _blast_radius(change: Change, reach: ShownReach, same_as: str = "") -> ChangeSetPart:
    context = {"reach": reach, "named": change.name, "same_as": same_as}
    return ChangeSetPart("consequence", "certificates/reach.html", context)


def _readable(found: Iterable[tuple[Change, Mapping[str, Any] | None]]) -> list[tuple[Change, Certificate]]:
    rows = ((change, certificate_in(held)) for change, held in found)
    return [(change, certificate) for change, certificate in rows if certificate is not None]

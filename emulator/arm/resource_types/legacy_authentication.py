"""The `authentication` of a client in 2023-06-01-preview, since replaced by `clientCertificateAuthentication`.

Source: the models of azure-mgmt-eventgrid 10.3.0b2; lengths from Azure/aaz, the command models of 2023-06-01-preview.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from emulator.arm.resource_types.fields import Fields

THUMBPRINT = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
SUBJECT_LENGTHS = {"commonName": (0, 64), "countryCode": (2, 2), "organization": (0, 64), "organizationUnit": (0, 32)}


def check_thumbprint(fields: Fields, name: str, thumbprint: str) -> None:
    """Raise `ArmError` (400) if this is not the SHA-256 of a certificate in 64 hex digits."""
    if not THUMBPRINT.fullmatch(thumbprint):
        raise fields.error(
            name,
            f"'{thumbprint[:100]}' is not a thumbprint. A thumbprint is the SHA-256 of the certificate: 64 hex digits,"
            " no colons.",
        )


def check_distinct(fields: Fields, name: str, thumbprints: Sequence[str]) -> None:
    """Raise `ArmError` (400) if two thumbprints are the same, in whatever case. The portal answers the same."""
    if len({thumbprint.casefold() for thumbprint in thumbprints}) != len(thumbprints):
        raise fields.error(name, "The two thumbprints are the same. Send it once.")


def check_legacy(fields: Fields) -> dict[str, Any] | None:
    """Return a valid `authentication`, or None if it is missing. Raise `ArmError` (400).

    A subject is stored and returned. At CONNECT, the emulator compares the authentication name, as for every client.
    """
    authentication = fields.object("authentication")
    if authentication is None:
        return None
    authentication.require_known(("certificateSubject", "certificateThumbprint"))
    thumbprint, subject = (authentication.object(part) for part in ("certificateThumbprint", "certificateSubject"))
    if thumbprint is not None and subject is None:
        return {"certificateThumbprint": _thumbprints(thumbprint)}
    if subject is None or thumbprint is not None:
        raise fields.error(
            "authentication", "'authentication' needs either 'certificateThumbprint' or 'certificateSubject'."
        )
    return {"certificateSubject": _subject(subject)}


def _thumbprints(fields: Fields) -> dict[str, str | None]:
    fields.require_known(("primary", "secondary"))
    if not fields.text("primary"):
        raise fields.error("primary", f"'{fields.at('primary')}' is missing.")
    found = {name: fields.text(name) or None for name in ("primary", "secondary")}
    for name, thumbprint in found.items():
        if thumbprint is not None:
            check_thumbprint(fields, name, thumbprint)
    check_distinct(fields, "secondary", [thumbprint for thumbprint in found.values() if thumbprint])
    return found


def _subject(fields: Fields) -> dict[str, str | None]:
    fields.require_known(SUBJECT_LENGTHS)
    found = {name: fields.text(name) for name in SUBJECT_LENGTHS}
    for name, value in found.items():
        low, high = SUBJECT_LENGTHS[name]
        if value is not None and not low <= len(value) <= high:
            raise fields.error(name, f"'{fields.at(name)}' must have {low} to {high} characters.")
    return found


def current_form_of(legacy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `clientCertificateAuthentication` that means the same."""
    thumbprint = legacy.get("certificateThumbprint")
    if thumbprint is None:
        return {"validationScheme": "SubjectMatchesAuthenticationName"}
    allowed = [thumbprint[name] for name in ("primary", "secondary") if thumbprint.get(name)]
    return {"validationScheme": "ThumbprintMatch", "allowedThumbprints": allowed}

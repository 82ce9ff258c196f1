"""`authentication` of a client in 2023-06-01-preview, which `clientCertificateAuthentication` has replaced since."""

import re
from collections.abc import Mapping
from typing import Any

from certificates.authentication.engine import authentication_name_key
from emulator.arm.resource_types.fields import Fields

THUMBPRINT = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
SUBJECT_LENGTHS = {"commonName": (1, 64), "countryCode": (2, 2), "organization": (1, 64), "organizationUnit": (1, 32)}


def check_thumbprint(fields: Fields, name: str, thumbprint: str) -> None:
    """Refuse what is not the SHA-256 of a certificate in hex digits."""
    if not THUMBPRINT.fullmatch(thumbprint):
        raise fields.refuse(
            name,
            f"'{thumbprint[:100]}' is not a thumbprint. It is the SHA-256 of the certificate:"
            " 64 hex digits without colons.",
        )


def check_legacy(fields: Fields, authentication_name: str) -> dict[str, Any] | None:
    """What `authentication` asks for; None when it is absent. Raises `ArmError`.

    A subject must have the client's authentication name as its common name: that is what a CONNECT is compared with.
    """
    authentication = fields.object("authentication")
    if authentication is None:
        return None
    authentication.require_known(("certificateSubject", "certificateThumbprint"))
    thumbprint, subject = (authentication.object(part) for part in ("certificateThumbprint", "certificateSubject"))
    if thumbprint is not None and subject is None:
        return {"certificateThumbprint": _thumbprints(thumbprint)}
    if subject is None or thumbprint is not None:
        raise fields.refuse(
            "authentication", "'authentication' needs either 'certificateThumbprint' or 'certificateSubject'."
        )
    return {"certificateSubject": _subject(subject, authentication_name)}


def _thumbprints(fields: Fields) -> dict[str, str | None]:
    fields.require_known(("primary", "secondary"))
    if not fields.text("primary"):
        raise fields.refuse("primary", f"'{fields.at('primary')}' is missing.")
    found = {name: fields.text(name) or None for name in ("primary", "secondary")}
    for name, thumbprint in found.items():
        if thumbprint is not None:
            check_thumbprint(fields, name, thumbprint)
    return found


def _subject(fields: Fields, authentication_name: str) -> dict[str, str | None]:
    fields.require_known(SUBJECT_LENGTHS)
    found = {name: fields.text(name) for name in SUBJECT_LENGTHS}
    for name, value in found.items():
        low, high = SUBJECT_LENGTHS[name]
        if value is not None and not low <= len(value) <= high:
            raise fields.refuse(name, f"'{fields.at(name)}' must have {low} to {high} characters.")
    common_name = found["commonName"]
    if common_name is None or authentication_name_key(common_name) != authentication_name_key(authentication_name):
        raise fields.refuse(
            "commonName",
            f"'{fields.at('commonName')}' must be the client's authentication name, '{authentication_name[:128]}'.",
        )
    return found


def implied_by(legacy: Mapping[str, Any]) -> dict[str, Any]:
    """The `clientCertificateAuthentication` that says the same."""
    thumbprint = legacy.get("certificateThumbprint")
    if thumbprint is None:
        return {"validationScheme": "SubjectMatchesAuthenticationName"}
    allowed = [thumbprint[name] for name in ("primary", "secondary") if thumbprint.get(name)]
    return {"validationScheme": "ThumbprintMatch", "allowedThumbprints": allowed}

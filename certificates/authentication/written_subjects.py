"""Recognise a subject in the notations of tools other than RFC 4514. Pure.

OpenSSL writes "/C=NZ/O=Contoso/CN=press-1" or "C = NZ, O = Contoso, CN = press-1", Windows "CN=press-1, O=Contoso, C=NZ".
Source: RFC 4514 (the notation that a whole distinguished name is compared in), docs/policy.md.
"""

import re

_PREFIX = re.compile(r"\s*(?:subject|issuer)\s*[=:]\s*", re.IGNORECASE)
_SLASH_PART = re.compile(r"/(?=[A-Za-z][A-Za-z0-9.]{0,30}\s*=)")
_COMMA_PART = re.compile(r"(?<!\\)[,;+]\s*(?=[A-Za-z0-9][A-Za-z0-9.]{0,40}\s*=)")
_NAMES = {
    "1.2.840.113549.1.9.1": "emailaddress", "e": "emailaddress", "email": "emailaddress", "s": "st", "sp": "st",
    "2.5.4.5": "serialnumber", "sn": "serialnumber", "commonname": "cn", "organizationname": "o", "countryname": "c",
}  # fmt: skip
MAX_LENGTH = 2000


def attributes_of(text: str) -> tuple[tuple[str, str], ...]:
    """Return the (type, value) pairs of a written distinguished name, sorted and in lower case; () when it is none."""
    if "=" not in text or len(text) > MAX_LENGTH:
        return ()
    text = _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text
    parts = _SLASH_PART.split(text) if text.lstrip().startswith("/") else _COMMA_PART.split(text)
    pairs = [part.partition("=") for part in parts if part.strip()]
    if not all(equals for _, equals, _ in pairs):
        return ()
    return tuple(sorted((_type(kind), _value(value)) for kind, _, value in pairs))


def is_same_subject(text: str, subject: str) -> bool:
    """Return whether `text` is another notation of the subject, which RFC 4514 writes as `subject`."""
    found = attributes_of(text)
    return bool(found) and found == attributes_of(subject)


def _type(kind: str) -> str:
    lower = kind.strip().casefold()
    return _NAMES.get(lower, lower)


def _value(value: str) -> str:
    return " ".join(value.strip().strip('"').replace("\\", "").casefold().split())

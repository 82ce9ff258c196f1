"""Recognise a subject in the notations of tools other than RFC 4514. Pure.

OpenSSL writes "/C=NZ/O=Contoso/CN=press-1" or "C = NZ, O = Contoso, CN = press-1", Windows "CN=press-1, O=Contoso, C=NZ".
Source: RFC 4514 (the notation that a whole distinguished name is compared in), docs/policy.md.
"""

import re

_PREFIX = re.compile(r"[\s\"'\[]*(?:(?:subject|issuer)(?:\s*(?:dn|name))?|dn)\s*[\]=:]+\s*", re.IGNORECASE)
_KIND = r"[A-Za-z0-9][A-Za-z0-9.]{0,40}\s*="
# Between the parts: the slashes of OpenSSL, commas of RFC 4514, line breaks, or nothing but blanks.
_BETWEEN = tuple(
    re.compile(between + rf"(?={_KIND})") for between in (r"/\s*", r"(?<!\\)[,;+]\s*", r"\s*[\r\n]+\s*", r"[\s,;/]+")
)
_NAMES = {
    "1.2.840.113549.1.9.1": "emailaddress", "e": "emailaddress", "email": "emailaddress", "s": "st", "sp": "st",
    "2.5.4.5": "serialnumber", "sn": "serialnumber", "commonname": "cn", "organizationname": "o", "countryname": "c",
    "2.5.4.3": "cn", "2.5.4.6": "c", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.10": "o", "2.5.4.11": "ou",
    "organizationalunitname": "ou", "localityname": "l", "stateorprovincename": "st",
}  # fmt: skip
MAX_LENGTH = 2000


def attributes_of(text: str, between: re.Pattern[str] = _BETWEEN[1]) -> frozenset[tuple[str, str]]:
    """Return the (type, value) pairs of a written distinguished name, in lower case; none when it is no such name."""
    if "=" not in text or len(text) > MAX_LENGTH:
        return frozenset()
    prefix = _PREFIX.match(text)
    text = text[prefix.end() :] if prefix is not None else text
    pairs = [part.partition("=") for part in between.split(text.strip().strip("\"'")) if part.strip()]
    if not all(equals for _, equals, _ in pairs):
        return frozenset()
    return frozenset((_type(kind), _value(value)) for kind, _, value in pairs)


def names_subject(text: str, subject: str) -> bool:
    """Return whether `text` is another notation of the subject, which RFC 4514 writes as `subject`, or of its common name."""
    whole = attributes_of(subject)
    return any(
        found <= whole and any(kind == "cn" for kind, _ in found)
        for found in (attributes_of(text, between) for between in _BETWEEN)
        if found
    )


def _type(kind: str) -> str:
    lower = kind.strip().casefold()
    return _NAMES.get(lower, lower)


def _value(value: str) -> str:
    return " ".join(value.strip().strip('"').replace("\\", "").casefold().split())

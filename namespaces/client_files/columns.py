"""Guess what the columns of a table hold, by their headings, and read the cells of a row."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from namespaces.client_files.found_rows import UnreadableFileError

IGNORED = ""
_WORD = re.compile(r"[^a-z0-9]+")
# Headings in lower case without spaces and signs → the key of `Client.describe`.
_HEADINGS = {
    **dict.fromkeys(("clientname", "name", "client", "device", "devicename", "deviceid", "id"), "name"),
    **dict.fromkeys(
        ("authenticationname", "clientauthenticationname", "authname", "username", "mqttusername"),
        "authentication_name",
    ),
    **dict.fromkeys(
        ("validationscheme", "clientcertificateauthenticationvalidationscheme", "scheme", "certificatescheme"),
        "validation_scheme",
    ),
    **dict.fromkeys(
        ("thumbprints", "thumbprint", "allowedthumbprints", "fingerprint", "sha256", "thumbprintsha256"), "thumbprints"
    ),
    **dict.fromkeys(("primarythumbprint", "secondarythumbprint"), "thumbprints"),
    **dict.fromkeys(("connectionstate", "state", "status", "enabled"), "state"),
    **dict.fromkeys(("description", "comment", "note", "notes"), "description"),
    **dict.fromkeys(("attributes", "clientattributes"), "attributes"),
    # Of the portal's own export: what an import cannot set.
    **dict.fromkeys(("team", "lastseenutc", "syncstate"), IGNORED),
}
_SCHEMES = {
    "subject": "SubjectMatchesAuthenticationName",
    "dns": "DnsMatchesAuthenticationName",
    "uri": "UriMatchesAuthenticationName",
    "ip": "IpMatchesAuthenticationName",
    "email": "EmailMatchesAuthenticationName",
    "thumbprint": "ThumbprintMatch",
}
_STATES = {
    **dict.fromkeys(("enabled", "enable", "true", "yes", "1", "on"), "Enabled"),
    **dict.fromkeys(("disabled", "disable", "false", "no", "0", "off"), "Disabled"),
}
ATTRIBUTE = "attribute:"  # before the key: a column for one attribute


def guess_columns(headings: Sequence[str]) -> list[str]:
    """Return the key of `Client.describe` for each heading, `attribute:KEY` for an attribute, or "" for none.

    A heading such as `attributes.floor`, `attribute floor` or `attr:floor` is one attribute. Raise UnreadableFileError where two
    columns mean the same.
    """
    keys = [_key_of(heading) for heading in headings]
    check_columns(keys)
    return keys


def check_columns(keys: Sequence[str]) -> None:
    """Raise UnreadableFileError where two columns mean the same."""
    twice = sorted({key for key in keys if key and key != "thumbprints" and keys.count(key) > 1})
    if twice:
        raise UnreadableFileError("same-heading", f"Two columns of this table mean the same: {_heading_of(twice[0])}.")


def have_names(keys: Sequence[str]) -> bool:
    """Return whether one of the columns has the names of clients."""
    return "name" in keys or "authentication_name" in keys


def looks_like_headings(cells: Sequence[str]) -> bool:
    """Return whether a row has headings rather than a client: one of them is known, and is no value of a client."""
    return any(_key_of(cell) and plain_value("state", cell) == cell for cell in cells)


def attribute_of(heading: str) -> str:
    """Return the key that reads a column as one attribute, named by its heading; "" where no key can be made of it."""
    known = _key_of(heading)
    word = re.sub(r"[^A-Za-z0-9_]+", "_", heading.strip()).strip("_")[:128]
    return known if known.startswith(ATTRIBUTE) else (ATTRIBUTE + word if word else "")


def values_of(keys: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """Return the values of one row by the keys of `Client.describe`. Raise ValueError with a sentence for people."""
    values: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for key, cell in zip(keys, cells, strict=False):
        text = _without_apostrophe(cell)
        if not text or key == IGNORED:
            continue
        if key.startswith(ATTRIBUTE):
            attributes[key.removeprefix(ATTRIBUTE)] = text
        elif key == "thumbprints":
            values[key] = [*values.get(key, ()), *_thumbprints(text)]
        elif key == "attributes":
            attributes |= _attributes(text)
        else:
            values[key] = plain_value(key, text)
    return values | ({"attributes": attributes} if attributes else {})


def plain_value(key: str, text: str) -> str:
    """Return a scheme or state as Azure spells it, and other text as it is."""
    if key == "state":
        return _STATES.get(text.strip().lower(), text)
    if key == "validation_scheme":
        word = _WORD.sub("", text.lower())
        short = word.removesuffix("name").removesuffix("authentication").removesuffix("matches").removesuffix("match")
        return _SCHEMES.get(short, next((known for known in _SCHEMES.values() if known.lower() == word), text))
    return text


def _key_of(heading: str) -> str:
    text = heading.strip().lstrip("\ufeff")
    attribute = re.fullmatch(
        r"(?:client\s*)?attr(?:ibute)?s?\s*[.:_ \[]\s*([A-Za-z0-9_]{1,128})\]?", text, re.IGNORECASE
    )
    word = _WORD.sub("", text.lower())
    if word not in _HEADINGS and attribute is not None:
        return ATTRIBUTE + attribute[1]
    return _HEADINGS.get(word, IGNORED)


def _heading_of(key: str) -> str:
    return key.removeprefix(ATTRIBUTE).replace("_", " ")


def _without_apostrophe(cell: str) -> str:
    """Return the cell without the apostrophe that the portal's export puts before what looks like a formula."""
    return cell[1:] if re.match(r"'\s*[=+\-@]", cell) else cell


def _thumbprints(text: str) -> list[str]:
    """Return one or two thumbprints: in one cell they are separated by a space, comma or semicolon."""
    parts = [part for part in re.split(r"[\s,;]+", text.strip()) if part]
    return parts if len(parts) > 1 and all(len(part) >= 40 for part in parts) else [text.strip()]


def _attributes(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('The attributes are not JSON, such as {"floor": 2}.') from None
    if not isinstance(found, dict):
        raise ValueError('The attributes are not a JSON object, such as {"floor": 2}.')
    return found

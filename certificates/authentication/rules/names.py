"""Compare authentication names: as whole names, and with patterns. Pure."""

import unicodedata


def authentication_name_key(name: str) -> str:
    """Return the form in which authentication names are compared and kept unique: NFC and case-folded.

    The database constraint, the forms and the engine all use this function, since SQLite's LOWER knows ASCII only.
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def matches_pattern(name: str, pattern: str) -> bool:
    """Return whether an authentication name matches a pattern, in which `*` means any characters. Case does not matter."""
    name, parts = authentication_name_key(name), authentication_name_key(pattern).split("*")
    if len(parts) == 1:
        return name == parts[0]
    first, *middle, last = parts
    if not (name.startswith(first) and name.endswith(last)) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True

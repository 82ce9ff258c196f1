"""Name constraints of one kind of name, as regular expressions that Python and PostgreSQL read alike. Pure.

They match names in the form of `authentication_name_key`. What they decide is what OpenSSL decides, which verifies the chain.
Sources: RFC 5280 section 4.2.1.10; OpenSSL's crypto/x509/v3_ncons.c.
"""

import re
from collections.abc import Iterable

NEVER = "a^"  # matches nothing
_IS_SPECIAL = re.compile(r"[^a-z0-9_]")
HAS_HOST = r"^[^:]*://"  # of a URI; one without a place for a host passes no constraint at all


def quoted(text: str) -> str:
    """Return the expression for exactly this text, in lower case."""
    return _IS_SPECIAL.sub(lambda found: "\\" + found[0] if found[0].isascii() else found[0], text.lower())


def dns_pattern(base: str) -> str:
    """Return the expression for the DNS names below a base: itself, and with more labels in front of it."""
    if not base:
        return "^"
    return f"{quoted(base)}\\Z" if base.startswith(".") else f"(^|\\.){quoted(base)}\\Z"


def email_pattern(base: str, *, is_excluded: bool) -> str:
    """Return the expression for the addresses below a base: a mailbox, a host, or with a dot in front the hosts below one.

    A mailbox is compared by letters and case, and a certificate may write it in another case: an excluded one with letters
    excludes nothing.
    """
    mailbox, at, host = base.rpartition("@")
    if not at:
        host = base
    if mailbox:
        return NEVER if is_excluded and mailbox.lower() != mailbox.upper() else f"^{quoted(base)}\\Z"
    if not host:
        return NEVER if is_excluded else "^"  # not defined: it takes away no name
    return f".{quoted(host)}\\Z" if host.startswith(".") and not at else f"@{quoted(host)}\\Z"


def uri_pattern(base: str, *, is_excluded: bool) -> str:
    """Return the expression for the URIs whose host is the base, or with a dot in front is below it.

    Releases of OpenSSL differ in where a host ends and whether a user name may stand before it. So more is permitted, and less
    excluded, than any of them does.
    """
    host = f"{'[^:/@]+' if base.startswith('.') else ''}{quoted(base)}"
    return f"^[^:]*://{host}(:[0-9]*)?(/[^:]*)?\\Z" if is_excluded else f"^[^:]*://([^/]*@)?{host}([:/?#]|\\Z)"


def any_of(patterns: Iterable[str]) -> str:
    """Return the expression for what any of these match."""
    return "|".join(f"({pattern})" for pattern in patterns)

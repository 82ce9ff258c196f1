"""The rules of a namespace that only this portal can enforce, in the form of the authentication engine. Pure.

Keys of CAs are the SHA-256 of their public keys as 64 lower-case hex digits, as `public_key_hash` returns them: names can be given
again, and certificates renewed. Serial numbers are in the form of `serial_digits`.

Source: RFC 5280 section 5.3.1 (reasons of a revocation); docs/policy.md for our choices.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cached_property
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from certificates.authentication.rules.names import matches_pattern
from certificates.x509.certificate import name_key
from namespaces.authorization.group_queries import Member, Query

# Reasons of a revocation as RFC 5280 names them, and their words.
REASONS: Mapping[str, str] = {
    "unspecified": "no reason given",
    "keyCompromise": "key compromise",
    "cACompromise": "CA compromise",
    "affiliationChanged": "affiliation changed",
    "superseded": "superseded",
    "cessationOfOperation": "no longer in operation",
    "certificateHold": "on hold",
    "removeFromCRL": "removed from the list",
    "privilegeWithdrawn": "privilege withdrawn",
    "aACompromise": "attribute authority compromise",
}
REMOVED, HOLD = "removeFromCRL", "certificateHold"


class Vouched(Protocol):
    """What a binding asks of a client."""

    @property
    def authentication_name(self) -> str: ...
    @property
    def team(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Revocation:
    """A certificate that a person revoked: found by thumbprint, or by serial number and issuer.

    `issuer` is its issuer's name (RFC 4514 text) and `issuer_key` the issuer's public key. Each may be "" where it is not known; a
    revocation without a thumbprint needs `serial` and one of the two.
    """

    serial: str = ""
    issuer: str = ""
    issuer_key: str = ""
    thumbprint: str = ""
    reason: str = "unspecified"
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class ListEntry:
    """One certificate on a revocation list."""

    reason: str = "unspecified"
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class RevocationList:
    """A checked certificate revocation list, as `revocation_lists.read_list` returns it.

    It counts only for certificates that were signed by the key that signed it: that of the CA certificate `signer` (DER), with the
    subject `issuer` (RFC 4514 text). `entries` are keyed by serial number.
    """

    issuer: str
    issuer_key: str
    signer: bytes = field(repr=False)
    number: int | None
    this_update: datetime
    next_update: datetime | None
    entries: Mapping[str, ListEntry] = field(repr=False, hash=False, default_factory=dict)

    def is_stale(self, at: datetime) -> bool:
        """Return whether a newer list should have replaced this one by then."""
        return self.next_update is not None and at > self.next_update


@dataclass(frozen=True)
class Group:
    """A client group. `query` is None where it cannot be read; nobody then belongs to the group."""

    name: str
    query: Query | None


@dataclass(frozen=True)
class IssuerBinding:
    """The clients that a CA vouches for: those of a team, in a group or with a name like a pattern. With none of these, nobody.

    `teams` are names, and `patterns` authentication names with `*` for any characters, compared ignoring case. `is_hidden`: of a CA
    certificate that is hidden from the person who reads the trace; then it does not name for whom the CA counts.
    """

    key: str
    name: str  # of the uploaded CA certificate
    teams: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    patterns: tuple[str, ...] = ()
    is_hidden: bool = False

    def vouches_for(self, client: Vouched) -> bool:
        """Return whether the client belongs to the binding. Code that registers a client asks this too."""
        if client.team and client.team in self.teams:
            return True
        if any(matches_pattern(client.authentication_name, pattern) for pattern in self.patterns):
            return True
        member = Member(client.authentication_name, client.attributes)
        return any(group.query is not None and group.query.matches(member) for group in self.groups)

    def merged(self, other: "IssuerBinding") -> "IssuerBinding":
        """Return the binding of one key that was uploaded twice: what either allows."""
        return IssuerBinding(
            self.key,
            self.name,
            tuple(dict.fromkeys((*self.teams, *other.teams))),
            tuple(dict.fromkeys((*self.groups, *other.groups))),
            tuple(dict.fromkeys((*self.patterns, *other.patterns))),
            self.is_hidden or other.is_hidden,
        )


@dataclass(frozen=True)
class TimeWindow:
    """Days and hours at which clients may connect, by the clock of a time zone.

    `days` are 0 (Monday) to 6. From `start` until `end`, which is not part of it; an end at or before the start is on the next day, so
    equal times are a whole day from then on.
    """

    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo


@dataclass(frozen=True)
class Policy:
    """What a namespace asks of each certificate and moment. 0 and an empty tuple ask nothing."""

    windows: tuple[TimeWindow, ...] = ()
    max_age_days: int = 0
    min_rsa_bits: int = 0
    min_ec_bits: int = 0

    def __bool__(self) -> bool:
        return bool(self.windows or self.max_age_days or self.min_rsa_bits or self.min_ec_bits)


@dataclass(frozen=True)
class Pin:
    """The CA keys that a client accepts, one of which has to be on the path: key → name of the CA certificate for people, or ""."""

    keys: Mapping[str, str]


@dataclass(frozen=True)
class NamespaceRules:
    """The rules of a namespace. Without any, the engine decides as Azure does.

    `bindings` are keyed by the CA's key; `pins` by the client's name in lower case, which never changes. `refuses_stale_lists`: a list past its next update
    refuses the certificates of its issuer; otherwise it still counts, and the trace says that it is old.
    """

    revocations: tuple[Revocation, ...] = ()
    lists: tuple[RevocationList, ...] = ()
    refuses_stale_lists: bool = False
    bindings: Mapping[str, IssuerBinding] = field(default_factory=dict)
    policy: Policy = Policy()
    pins: Mapping[str, Pin] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.revocations or self.lists or self.bindings or self.policy or self.pins)

    @property
    def checks_revocation(self) -> bool:
        return bool(self.revocations or self.lists)

    @cached_property
    def revoked_thumbprints(self) -> Mapping[str, Revocation]:
        return {each.thumbprint: each for each in reversed(self.revocations) if each.thumbprint}

    @cached_property
    def revoked_serials(self) -> Mapping[str, tuple[tuple[str, Revocation], ...]]:
        """The revocations by serial number, each with its issuer in the form of `name_key`."""
        found: dict[str, tuple[tuple[str, Revocation], ...]] = {}
        for each in self.revocations:
            if each.serial and (each.issuer or each.issuer_key):
                found[each.serial] = (*found.get(each.serial, ()), (name_key(each.issuer), each))
        return found

    @cached_property
    def lists_by_issuer(self) -> Mapping[str, tuple[RevocationList, ...]]:
        """The lists by their issuer's name, in the form of `name_key`."""
        found: dict[str, tuple[RevocationList, ...]] = {}
        for each in self.lists:
            key = name_key(each.issuer)
            found[key] = (*found.get(key, ()), each)
        return found


def bindings_of(bindings: Iterable[IssuerBinding]) -> Mapping[str, IssuerBinding]:
    """Return the bindings by key, those of one key merged."""
    found: dict[str, IssuerBinding] = {}
    for each in bindings:
        found[each.key] = found[each.key].merged(each) if each.key in found else each
    return found


NO_RULES = NamespaceRules()

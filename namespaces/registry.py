"""What the apps above register here, so that namespaces need not import them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from certificates.authentication.types import TrustedCA
from namespaces.models import Change, ChangeSet, ConnectionAttempt, Namespace
from portal.models import User
from sync.models import Sight


@dataclass(frozen=True)
class UploadedCA:
    """A CA certificate of a namespace. `not_after` is None where what Azure holds cannot be read."""

    name: str
    subject: str
    thumbprint: str
    not_after: datetime | None
    url: str
    is_hidden: bool = False  # another team's: it vouches for clients, and no page names it
    waits: bool = False  # for a proof of possession, so that it vouches for no one yet


# Namespaces, as a person sees them → the CA certificates of each by its primary key, in order of their names.
CASource = Callable[[Sequence[Namespace]], Mapping[int, Sequence[UploadedCA]]]
TrustSource = Callable[[Namespace], Sequence[TrustedCA]]

_device_pages: list[str] = []  # URL names, reversed with the primary key of a namespace


def register_device_page(url_name: str) -> None:
    """Register the page on which a person without tools connects a device, where there is one."""
    _device_pages[:] = [url_name]


def device_page() -> str:
    """Return the URL name of that page, or ""."""
    return _device_pages[0] if _device_pages else ""


_attempt_pages: list[str] = []  # URL names, reversed with the primary key of a namespace and the cursor of an attempt


def register_attempt_page(url_name: str) -> None:
    """Register the page on which a person shares an attempt."""
    _attempt_pages[:] = [url_name]


def attempt_page() -> str:
    """Return the URL name of that page, or ""."""
    return _attempt_pages[0] if _attempt_pages else ""


_ca_sources: list[CASource] = []
_trust_sources: list[TrustSource] = []


def register_ca_certificates(source: CASource, trusted: TrustSource) -> None:
    """Register the functions that read the CA certificates of a namespace: to list them, and to verify with them."""
    _ca_sources[:], _trust_sources[:] = [source], [trusted]


def uploaded_cas(namespace: Namespace) -> list[UploadedCA]:
    """Return the CA certificates uploaded to a namespace, hidden ones marked."""
    return uploaded_cas_in([namespace])[namespace.pk]


def uploaded_cas_in(namespaces: Sequence[Namespace]) -> dict[int, list[UploadedCA]]:
    """Return the CA certificates of each of these namespaces, with as many queries as for one."""
    found = [source(namespaces) for source in _ca_sources]
    return {each.pk: [ca for cas in found for ca in cas.get(each.pk, ())] for each in namespaces}


def trusted_cas(namespace: Namespace) -> list[TrustedCA]:
    """Return what the endpoint trusts: every CA certificate, hidden ones under a neutral name."""
    return [ca for source in _trust_sources for ca in source(namespace)]


def uploaded_ca_subjects(namespace: Namespace) -> dict[str, str]:
    """Return the subjects of the CA certificates uploaded to a namespace by thumbprint, to compare with: all of them."""
    return {ca.thumbprint: ca.subject for ca in uploaded_cas(namespace)}


@dataclass(frozen=True)
class Succession:
    """A CA key that is being replaced, and the one that replaces it, as hashes of the public keys.

    `teams` are those whose clients change from one to the other without an alarm: of the clients that the person who started
    it might change. None among them stands for clients of no team; None instead of them for every client.
    """

    former: str
    successor: str
    teams: frozenset[int | None] | None

    def covers(self, team_pk: int | None) -> bool:
        return self.teams is None or team_pk in self.teams


SuccessionSource = Callable[[int], Iterable[Succession]]  # takes the primary key of a namespace
_succession_sources: list[SuccessionSource] = []


def register_successions(source: SuccessionSource) -> None:
    """Register the function that returns which CA keys take over from which."""
    _succession_sources[:] = [source]


def successions_in(namespace_pk: int) -> list[Succession]:
    """Return which CA keys take over from which in a namespace."""
    return [each for source in _succession_sources for each in source(namespace_pk)]


# A namespace, as a person sees it, and the name of a CA certificate or `ANY_CA` → the condition for the clients that it could
# authenticate as; None for a name that the person does not see.
ReachCondition = Callable[[Namespace, str], Q | None]
ANY_CA = "!any"  # stands for every CA certificate without name constraints

_reach_conditions: list[ReachCondition] = []


def register_reach_filter(condition: ReachCondition) -> None:
    """Register the function that narrows a list of clients to those in reach of a CA certificate."""
    _reach_conditions[:] = [condition]


def reach_condition(namespace: Namespace, name: str) -> Q | None:
    return _reach_conditions[0](namespace, name) if _reach_conditions else None


# A namespace and clients, by primary key → the hashes of the CA keys that were chosen for each client, where that is enforced.
ChosenIssuers = Callable[[int, Collection[int]], Mapping[int, Collection[str]]]
_chosen_issuers: list[ChosenIssuers] = []


def register_chosen_issuers(source: ChosenIssuers) -> None:
    """Let an app say which CA keys were chosen for clients: one of these needs no alarm."""
    _chosen_issuers[:] = [source]


def chosen_issuers(namespace_pk: int, clients: Collection[int]) -> Mapping[int, Collection[str]]:
    return _chosen_issuers[0](namespace_pk, clients) if _chosen_issuers else {}


# A namespace, by primary key, and attempts that were stored just now. Runs inside the transaction that stores them.
AttemptWatch = Callable[[int, Sequence[ConnectionAttempt]], None]
_attempt_watches: list[AttemptWatch] = []


def register_attempt_watch(watch: AttemptWatch) -> None:
    """Let an app see each attempt once, to raise alarms."""
    if watch not in _attempt_watches:
        _attempt_watches.append(watch)


def watch_attempts(namespace_pk: int, attempts: Sequence[ConnectionAttempt]) -> None:
    for watch in _attempt_watches:
        watch(namespace_pk, attempts)


class FoundRevocation(NamedTuple):
    """The primary key of a revocation by hand, and the text that finds it in the list of revoked certificates."""

    pk: int
    query: str


# A namespace, as a person sees it, and a thumbprint → the revocation by hand, None where the certificate is not revoked.
RevocationSource = Callable[[Namespace, str], FoundRevocation | None]
_revocation_sources: list[RevocationSource] = []


def register_revocations(source: RevocationSource) -> None:
    """Register the function that finds the revocation of a certificate."""
    _revocation_sources[:] = [source]


def revocation_of(namespace: Namespace, thumbprint: str) -> FoundRevocation | None:
    return _revocation_sources[0](namespace, thumbprint) if _revocation_sources and thumbprint else None


# What a person sees → the number of open alarms about devices that were let in with a revoked certificate, by namespace.
LetInCount = Callable[[Sight], Mapping[int, int]]
_let_in_counts: list[LetInCount] = []


def register_let_in_count(count: LetInCount) -> None:
    """Register the function that counts devices that were let in with a revoked certificate."""
    _let_in_counts[:] = [count]


def let_in_by_namespace(sight: Sight) -> Mapping[int, int]:
    return _let_in_counts[0](sight) if _let_in_counts else {}


@dataclass(frozen=True)
class ChangeField:
    """One line of a change, as people read it: `key` is stable."""

    key: str
    label: str
    text: str


# What a change holds of an object (`Change.before` or `values`) → its lines.
ChangeFields = Callable[[Mapping[str, Any]], Sequence[ChangeField]]
_change_fields: dict[str, ChangeFields] = {}


def register_change_fields(kind: str, fields: ChangeFields) -> None:
    """Register how changes of a kind are written out, in place of the names of their columns."""
    _change_fields[kind] = fields


def change_fields_of(kind: str) -> ChangeFields | None:
    return _change_fields.get(kind)


@dataclass(frozen=True)
class ChangeSetPart:
    """A part of the page of a change set: a template, and its context."""

    place: str  # "consequence", above the changes, or "beside" them
    template: str
    context: Mapping[str, Any]


ChangeSetPartSource = Callable[[User, ChangeSet, Sequence[Change]], Sequence[ChangeSetPart]]
_change_set_parts: list[ChangeSetPartSource] = []


def register_change_set_parts(source: ChangeSetPartSource) -> None:
    """Let an app say what a change set means, such as its blast radius."""
    if source not in _change_set_parts:
        _change_set_parts.append(source)


def change_set_parts(user: User, change_set: ChangeSet, changes: Sequence[Change]) -> list[ChangeSetPart]:
    return [part for source in _change_set_parts for part in source(user, change_set, changes)]

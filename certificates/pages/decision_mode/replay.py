"""What would change if this portal decided: the last known attempts, decided again with the namespace's rules and without.

Each pair of certificate and user name is decided once; a second time without rules where it is refused. That costs about 0.5 ms a
pair (measured with 3,000 pairs of P-256 below a root), so `MOST` pairs are replayed within a request, those that Azure let in first
and the newest of them, and the page says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Max

from certificates.authentication.engine import authenticate
from certificates.authentication.types import FAILED_TITLES, Decision, NamespaceState
from certificates.models import DecisionRules, StaleList
from certificates.namespace_rules import policy_of
from certificates.pages.authentication_trace import namespace_state
from certificates.x509.text import one_line, shortened
from namespaces.connections.client_certificates import presented_ders
from namespaces.models import Client, ClientCertificate, ConnectionAttempt, LastAttempt, Namespace, Role
from namespaces.rights import Rights
from sync.capabilities.connection_log import connection_log

MOST = 5000  # pairs
LISTED = 20  # of each kind
LONGEST = 300
LOG, CERTIFICATES = "log", "certificates"


@dataclass(frozen=True)
class Pair:
    """A certificate with its chain, and the user name it came with. `accepted`: whether Azure let it in; None: not known."""

    client_name: str
    user_name: str
    thumbprint: str
    ders: tuple[bytes, ...]
    accepted: bool | None
    at: datetime


@dataclass(frozen=True)
class Changed:
    """A pair that would be decided otherwise, with the step and the sentence of the refusal. `is_client`: it is a client's that is seen."""

    client: str
    user_name: str
    thumbprint: str
    code: str
    reason: str
    is_client: bool = False
    cursor: int | None = None  # of its last attempt that the log still holds

    def as_dict(self) -> dict[str, str]:
        return {
            "client": self.client,
            "user_name": self.user_name,
            "thumbprint": self.thumbprint,
            "code": self.code,
            "reason": self.reason,
        }


@dataclass
class Replay:
    """What was found. `source`: LOG or CERTIFICATES, where the target has no log. `pairs` of `known` were decided again.

    `refused`: those that Azure lets in and a rule refuses. `unlike`: those that Azure let in last, and that are refused now even
    without rules: something has changed since, or this portal judges otherwise than Azure. `never_seen`: enabled clients without
    any attempt.
    """

    source: str
    known: int
    never_seen: int
    pairs: int = 0
    refused: int = 0
    unlike: int = 0
    since: datetime | None = None
    listed: list[Changed] = field(default_factory=list)
    listed_unlike: list[Changed] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "known": self.known,
            "never_seen": self.never_seen,
            "pairs": self.pairs,
            "refused": self.refused,
            "unlike": self.unlike,
            "since": self.since.isoformat() if self.since else "",
            "listed": [each.as_dict() for each in self.listed],
            "listed_unlike": [each.as_dict() for each in self.listed_unlike],
        }


def replay(namespace: Namespace, *, at: datetime) -> Replay:
    """Decide the last known attempts again. `at`: the moment at which certificates are judged, an aware datetime.

    All teams' devices count, whoever asks: the page leaves out the names of those that are hidden.
    """
    every = Namespace.objects.get(pk=namespace.pk)
    every.rights = Rights(((Role.OWNER, None),))
    state = namespace_state(every)
    has_log = connection_log() is not None or LastAttempt.objects.filter(namespace=namespace).exists()
    found = Replay(
        LOG if has_log else CERTIFICATES,
        known=_rows(namespace, has_log).count(),
        never_seen=_never_seen(namespace, has_log),
    )
    for pair in _logged(namespace) if has_log else _remembered(namespace):
        found.pairs += 1
        found.since = min(found.since or pair.at, pair.at)
        _note(found, pair, state, at)
    return found


def replay_rules(namespace: Namespace, rules: DecisionRules, *, at: datetime) -> Replay:
    """Decide the last known attempts again as if the namespace asked this of each certificate: `refused` are those that count now and
    would be refused. `rules` need not be saved; `at` as for `replay`.
    """
    every = Namespace.objects.get(pk=namespace.pk)
    every.rights = Rights(((Role.OWNER, None),))
    now = namespace_state(every)
    stale = rules.stale_list == StaleList.REFUSE
    asked = replace(now.rules, policy=policy_of(rules), refuses_stale_lists=stale)
    then = replace(now, rules=asked, index=now.client_index)
    has_log = connection_log() is not None or LastAttempt.objects.filter(namespace=namespace).exists()
    rows = _rows(namespace, has_log)
    found = Replay(LOG if has_log else CERTIFICATES, known=rows.count(), never_seen=_never_seen(namespace, has_log))
    for pair in _logged(namespace) if has_log else _remembered(namespace):
        found.pairs += 1
        decision = _decide(pair, then, at)
        if not decision.accepted and _decide(pair, now, at).accepted:
            found.refused += 1
            _list(found.listed, pair, decision)
    return found


def _note(found: Replay, pair: Pair, state: NamespaceState, at: datetime) -> None:
    decision = _decide(pair, state, at)
    if decision.accepted:
        return
    bare = state.without_rules
    azure = _decide(pair, bare, at) if bare is not state else decision
    if azure.accepted:
        found.refused += 1
        _list(found.listed, pair, decision)
    elif pair.accepted:
        found.unlike += 1
        _list(found.listed_unlike, pair, azure)


def _decide(pair: Pair, state: NamespaceState, at: datetime) -> Decision:
    user_name = pair.user_name or None
    return authenticate(presented=pair.ders[0], chain=pair.ders[1:], user_name=user_name, state=state, at=at)


def _list(listed: list[Changed], pair: Pair, decision: Decision) -> None:
    if len(listed) < LISTED:
        reason = shortened(one_line(decision.reason), LONGEST)
        name = decision.client.name if decision.client is not None else pair.client_name
        listed.append(Changed(name, pair.user_name, pair.thumbprint, decision.code, reason))


def _rows(namespace: Namespace, has_log: bool) -> Any:
    model: Any = LastAttempt if has_log else ClientCertificate
    return model.objects.filter(namespace=namespace)


def _logged(namespace: Namespace) -> Iterator[Pair]:
    sent: dict[str, bytes] = {}
    for row in (
        LastAttempt.objects.filter(namespace=namespace).order_by("-accepted", "-at")[:MOST].iterator(chunk_size=500)
    ):
        yield Pair(row.client_name, row.user_name, row.thumbprint, _ders(row, sent), row.accepted, row.at)


def _ders(row: LastAttempt | ClientCertificate, sent: dict[str, bytes]) -> tuple[bytes, ...]:
    """Return the certificate and its chain as DER. `sent` keeps what was read: many devices send the same chain."""
    for pem in row.chain:
        if pem not in sent:
            sent[pem] = next(iter(presented_ders([pem])), b"")
    return (bytes(row.der), *(sent[pem] for pem in row.chain if sent[pem]))


def _remembered(namespace: Namespace) -> Iterator[Pair]:
    """Yield the certificates that were tested or uploaded here, each as its client would connect."""
    names = {
        name.lower(): authentication_name
        for name, authentication_name in Client.objects.present()
        .filter(namespace=namespace)
        .values_list("name", "authentication_name")
    }
    sent: dict[str, bytes] = {}
    rows = ClientCertificate.objects.filter(namespace=namespace).order_by("-seen_at")[:MOST]
    for row in rows.iterator(chunk_size=500):
        yield Pair(
            row.client_name, names.get(row.client_name.lower(), ""), row.thumbprint, _ders(row, sent), None, row.seen_at
        )


def _never_seen(namespace: Namespace, has_log: bool) -> int:
    seen = {name.lower() for name in _rows(namespace, has_log).values_list("client_name", flat=True)}
    clients = Client.objects.present().filter(namespace=namespace, state=Client.ConnectionState.ENABLED)
    return sum(name.lower() not in seen for name in clients.values_list("name", flat=True))


def shown_of(kept: Mapping[str, Any], namespace: Namespace) -> tuple[list[Changed], list[Changed]]:
    """Return the listed pairs that the person may see. Where something is hidden: those of seen clients, without the sentence, which
    may name a hidden CA certificate.
    """
    lists = [[Changed(**each) for each in kept.get(name, ())] for name in ("listed", "listed_unlike")]
    names = {each.client for found in lists for each in found if each.client}
    clients = Client.visible_to(namespace.sight).present().filter(namespace=namespace, name__in=names)
    seen = set(clients.values_list("name", flat=True))
    cursors = _last_attempts(lists[0] + lists[1], namespace)
    first, second = (
        [
            replace(each, is_client=each.client in seen, cursor=cursors.get((each.thumbprint, each.user_name)))
            for each in found
        ]
        for found in lists
    )
    if namespace.sight.is_partial:
        first, second = _only_seen(first), _only_seen(second)
    return first, second


def _last_attempts(found: list[Changed], namespace: Namespace) -> dict[tuple[str, str], int]:
    """Return the cursor of the last attempt of each pair that the log still holds and the person may see."""
    attempts = ConnectionAttempt.objects.visible_to(namespace.sight).filter(namespace=namespace.pk)
    of_these = attempts.filter(thumbprint__in={each.thumbprint for each in found}).order_by()
    last = of_these.values_list("thumbprint", "user_name").annotate(last=Max("cursor"))
    return {(thumbprint, user_name): cursor for thumbprint, user_name, cursor in last}


def _only_seen(found: list[Changed]) -> list[Changed]:
    return [replace(each, reason=f"{FAILED_TITLES.get(each.code, each.code)}.") for each in found if each.is_client]

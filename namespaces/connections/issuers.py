"""The CA keys under which clients connect, and the alarm when a client comes under another one than before.

Keys are compared by the SHA-256 of the public key, never by names: names of CA certificates can be given again. What counts is
the key that signed the client certificate; the key of the uploaded CA certificate that vouched is kept beside it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q
from django.db.models.functions import Lower

from namespaces.models import Client, ConnectionAttempt, IssuerAlarm
from namespaces.notices import announce_issuer_alarms
from namespaces.registry import Succession, chosen_issuers, successions_in
from portal import activity

_KEY = re.compile(r"[0-9a-f]{64}")
_COLUMNS = ("issuer_key", "anchor_key", "expected_key")
State = IssuerAlarm.State


@dataclass(frozen=True)
class _Seen:
    """One accepted connection that a CA certificate vouched for."""

    attempt: ConnectionAttempt
    issuer_key: str
    anchor_key: str


def note_issuers(namespace_pk: int, attempts: Iterable[ConnectionAttempt]) -> None:
    """Keep the CA keys of the clients' last connections, and raise alarms.

    The caller holds the lock on the namespace's row, passes each attempt once and before `client_certificates.remember`.
    Most clients come under the key that is kept already: they cost a part of one query.
    """
    seen: dict[str, list[_Seen]] = defaultdict(list)
    for each in sorted(attempts, key=lambda attempt: attempt.cursor):
        found = _seen(each)
        if found is not None:
            seen[each.client_name.lower()].append(found)
    if not seen:
        return
    rows = Client.objects.filter(namespace=namespace_pk).annotate(lower=Lower("name")).filter(lower__in=seen)
    changed = [
        pk
        for pk, lower, *kept in rows.values_list("pk", "lower", *_COLUMNS)
        if any(kept != [each.issuer_key, each.anchor_key, each.issuer_key] for each in seen[lower])
    ]
    if changed:
        _note_changed(namespace_pk, changed, seen)


def _seen(attempt: ConnectionAttempt) -> _Seen | None:
    """Return the keys that the log names for an accepted connection; None for Thumbprint Match and where it names none."""
    decision = (attempt.record or {}).get("decision") or {}
    issuer, anchor = str(decision.get("issuerKey") or ""), str(decision.get("anchorKey") or "")
    if attempt.accepted and attempt.client_name and _KEY.fullmatch(issuer) and _KEY.fullmatch(anchor):
        return _Seen(attempt, issuer, anchor)
    return None


def _note_changed(namespace_pk: int, pks: Sequence[int], seen: dict[str, list[_Seen]]) -> None:
    locked = Client.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk")
    clients = list(locked.select_related("namespace", "team"))
    alarms: dict[int, list[IssuerAlarm]] = defaultdict(list)
    of_these = IssuerAlarm.objects.filter(client__in=pks).filter(Q(state=State.OPEN) | Q(state=State.EXPECTED))
    for alarm in of_these.order_by("pk"):
        alarms[alarm.client_id].append(alarm)
    successions = successions_in(namespace_pk)
    chosen = chosen_issuers(namespace_pk, pks)
    walks = [
        _Walk(client, _pairs(client, successions), alarms[client.pk], frozenset(chosen.get(client.pk, ())))
        for client in clients
    ]
    for walk in walks:
        for each in seen[walk.client.name.lower()]:
            walk.connected(each)
    Client.objects.bulk_update(clients, _COLUMNS)
    IssuerAlarm.objects.bulk_update([alarm for walk in walks for alarm in walk.repeated.values()], ["count", "last_at"])
    _raise_alarms([alarm for walk in walks for alarm in walk.raised.values()])


def _pairs(client: Client, successions: Sequence[Succession]) -> frozenset[tuple[str, str]]:
    return frozenset((each.former, each.successor) for each in successions if each.covers(client.team_id))


@dataclass
class _Walk:
    """The connections of one client, in their order."""

    client: Client
    successors: frozenset[tuple[str, str]]  # (former key, announced successor)
    alarms: Sequence[IssuerAlarm]  # open ones, and changes that were decided to be expected
    chosen: frozenset[str] = frozenset()  # CA keys that people pinned for the client
    raised: dict[str, IssuerAlarm] = field(default_factory=dict)
    repeated: dict[str, IssuerAlarm] = field(default_factory=dict)
    expected: ConnectionAttempt | None = None  # the last one of these under the expected key

    def connected(self, seen: _Seen) -> None:
        client = self.client
        if self._is_expected(seen):
            client.expected_key = seen.issuer_key
            self.expected = seen.attempt
        elif client.issuer_key != seen.issuer_key or not self._open(seen.issuer_key):
            self._alarm(seen)
        client.issuer_key, client.anchor_key = seen.issuer_key, seen.anchor_key

    def _is_expected(self, seen: _Seen) -> bool:
        expected = self.client.expected_key
        if expected in ("", seen.issuer_key) or (expected, seen.issuer_key) in self.successors:
            return True
        if self.client.issuer_key == expected and (self.client.anchor_key, seen.anchor_key) in self.successors:
            return True  # the CA that vouches is replaced, and the intermediates below it with it
        if self.chosen & {seen.issuer_key, seen.anchor_key}:
            return True  # a rule lets no other one in
        decided = [each for each in self.alarms if each.state == State.EXPECTED]
        return any((each.former_key, each.key) == (expected, seen.issuer_key) for each in decided)

    def _open(self, key: str) -> IssuerAlarm | None:
        known = (each for each in self.alarms if each.state == State.OPEN and each.key == key)
        return self.raised.get(key) or next(known, None)

    def _alarm(self, seen: _Seen) -> None:
        alarm = self._open(seen.issuer_key)
        if alarm is not None:
            alarm.count += 1
            alarm.last_at = max(alarm.last_at, seen.attempt.at)
            if alarm.pk is not None:
                self.repeated[alarm.key] = alarm
            return
        former_issuer, former_thumbprint = self._former()
        self.raised[seen.issuer_key] = IssuerAlarm(
            namespace=self.client.namespace,
            client=self.client,
            former_key=self.client.expected_key,
            key=seen.issuer_key,
            former_issuer=former_issuer,
            issuer=seen.attempt.issuer,
            former_thumbprint=former_thumbprint,
            thumbprint=seen.attempt.thumbprint,
            ca_name=seen.attempt.ca_name,
            caller=seen.attempt.caller,
            cursor=seen.attempt.cursor,
            at=seen.attempt.at,
            last_at=seen.attempt.at,
        )

    def _former(self) -> tuple[str, str]:
        """Return issuer and thumbprint of the certificate that was expected, where they are still known."""
        client, before = self.client, self.expected
        if before is not None:
            return before.issuer, before.thumbprint
        if client.issuer_key == client.expected_key:  # its last certificate is the expected one
            return client.certificate_issuer, client.certificate_thumbprint
        others = [*self.alarms, *self.raised.values()]
        earlier = next((each for each in others if each.former_key == client.expected_key), None)
        return (earlier.former_issuer, earlier.former_thumbprint) if earlier is not None else ("", "")


def _raise_alarms(alarms: Sequence[IssuerAlarm]) -> None:
    if not alarms:
        return
    IssuerAlarm.objects.bulk_create(alarms)
    activity.record_many(
        [
            activity.entry_of(
                None,
                verb="Issuer alarm",
                **each.client.in_activity(),
                before={"issuer_key": each.former_key, "certificate_issuer": each.former_issuer},
                after={"issuer_key": each.key, "certificate_issuer": each.issuer},
            )
            for each in alarms
        ]
    )
    announce_issuer_alarms(alarms)


def forget_issuers(client: Client) -> None:
    """Forget the keys of a client whose name is given again: the new one has not connected. The caller saves it."""
    client.issuer_key = client.anchor_key = client.expected_key = ""
    if client.pk is not None:
        IssuerAlarm.objects.filter(client=client).delete()

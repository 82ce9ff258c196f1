"""The alarm when a device with a revoked certificate is let in although this portal decides: Azure then does not ask about it.

Only what others decided is looked at. Where this portal was asked, its engine has checked revocation already.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models.functions import Lower

from certificates.authentication.certification_paths import TrustAnchors
from certificates.authentication.rules.revocation import RevokedOnPath, path_shown, revoked_on_path
from certificates.authentication.rules.types import NamespaceRules
from certificates.models import CACertificate, RevocationAlarm, RevocationList
from certificates.namespace_rules import rules_of
from certificates.notices.revocations import announce_let_in
from certificates.x509.certificate import Certificate
from certificates.x509.serial_numbers import serial_text
from namespaces.connections.client_certificates import read_chain
from namespaces.connections.decided.joining import is_decided_here
from namespaces.models import Client, ConnectionAttempt, DecisionPoint
from namespaces.rules.clients import THUMBPRINT_SCHEME
from portal import activity

KNOWN_WITHIN = timedelta(seconds=5)  # each process that decides knows of a revocation within a second


def note_let_in(namespace_pk: int, attempts: Iterable[ConnectionAttempt]) -> None:
    """Raise an alarm for each client that was let in after the switch with a certificate that was revoked before.

    The caller holds the lock on the namespace's row, and passes each attempt once.
    """
    let_in = [
        each for each in attempts if each.accepted and each.client_name and not is_decided_here(each.record or {})
    ]
    if not let_in:
        return
    switched_at = DecisionPoint.objects.filter(namespace=namespace_pk).values_list("switched_at", flat=True).first()
    later = [each for each in let_in if switched_at is not None and each.at > switched_at]
    rules = rules_of(namespace_pk) if later else NamespaceRules()
    if not rules.checks_revocation:
        return
    found = _Search(namespace_pk, rules, later).found()
    if found:
        _raise_alarms(found)


@dataclass(frozen=True)
class LetIn:
    """An attempt of a client that was let in, and the revoked certificate."""

    client: Client
    attempt: ConnectionAttempt
    revoked: RevokedOnPath


class _Search:
    """Looks for revoked certificates among attempts. Devices connect again and again, so each chain is verified once."""

    def __init__(self, namespace_pk: int, rules: NamespaceRules, attempts: Sequence[ConnectionAttempt]) -> None:
        self._rules, self._attempts = rules, attempts
        names = {each.client_name.lower() for each in attempts}
        clients = Client.objects.present().filter(namespace=namespace_pk).annotate(lower=Lower("name"))
        rows = clients.filter(lower__in=names).select_related("namespace", "team")
        self._clients: dict[str, Client] = {row.name.lower(): row for row in rows}
        cas = CACertificate.objects.trusted().filter(namespace=namespace_pk).only("name", "der")
        self._anchors = TrustAnchors((row.name, bytes(row.der)) for row in cas if row.der)
        lists = RevocationList.objects.filter(namespace=namespace_pk, added_at__isnull=False)
        self._added: Mapping[str, datetime | None] = dict(lists.values_list("signer_key", "added_at"))
        self._known: dict[tuple[str, bool], RevokedOnPath | None] = {}

    def found(self) -> list[LetIn]:
        return [
            LetIn(client, attempt, revoked)
            for attempt in self._attempts
            if (client := self._clients.get(attempt.client_name.lower())) is not None
            and (revoked := self._revoked(client, attempt)) is not None
            and self._was_known(revoked, attempt.at)
        ]

    def _revoked(self, client: Client, attempt: ConnectionAttempt) -> RevokedOnPath | None:
        has_chain = client.validation_scheme != THUMBPRINT_SCHEME
        key = attempt.thumbprint, has_chain
        if key not in self._known:
            path = self._path(attempt, has_chain)
            self._known[key] = revoked_on_path(path, self._rules) if path else None
        return self._known[key]

    def _path(self, attempt: ConnectionAttempt, has_chain: bool) -> Sequence[Certificate]:
        sent = attempt.shown or read_chain((attempt.record or {}).get("presentedChain") or [])
        if not sent or sent[0].thumbprint_sha256 != attempt.thumbprint:
            return ()
        return path_shown(sent, self._anchors, has_chain=has_chain, at=attempt.at)

    def _was_known(self, revoked: RevokedOnPath, at: datetime) -> bool:
        """Return whether the revocation counted in every process when the attempt was made."""
        if revoked.by_hand is not None:
            since = revoked.by_hand.revoked_at
        else:
            assert revoked.listed_by is not None
            since = self._added.get(revoked.listed_by.issuer_key)
        return since is not None and at > since + KNOWN_WITHIN


def _raise_alarms(found: Sequence[LetIn]) -> None:
    """Raise an alarm for each client and certificate, or count on where one is open. What a person settled since stays settled."""
    raised: dict[tuple[int, str], RevocationAlarm] = {}
    settled: dict[tuple[int, str], datetime] = {}
    repeated: dict[int, RevocationAlarm] = {}
    for row in RevocationAlarm.objects.filter(client__in={each.client.pk for each in found}).order_by("pk"):
        key = row.client_id, row.thumbprint
        if row.decided_at is None:
            raised[key] = row
        else:
            settled[key] = max(row.decided_at, settled.get(key, row.decided_at))
    for each in sorted(found, key=lambda let_in: let_in.attempt.cursor):
        key = each.client.pk, each.revoked.certificate.thumbprint_sha256
        if key in settled and each.attempt.at <= settled[key]:
            continue
        if key not in raised:
            raised[key] = _alarm(each)
            continue
        alarm = raised[key]
        alarm.count, alarm.last_at = alarm.count + 1, max(alarm.last_at, each.attempt.at)
        if alarm.pk is not None:
            repeated[alarm.pk] = alarm
    RevocationAlarm.objects.bulk_update(list(repeated.values()), ["count", "last_at"])
    store_alarms([each for each in raised.values() if each.pk is None])


def _alarm(let_in: LetIn) -> RevocationAlarm:
    attempt = let_in.attempt
    alarm = RevocationAlarm(
        namespace=let_in.client.namespace,
        client=let_in.client,
        is_listed=let_in.revoked.by_hand is None,
        caller=attempt.caller,
        cursor=attempt.cursor,
        at=attempt.at,
        last_at=attempt.at,
    )
    alarm.set_certificate(let_in.revoked.certificate)
    return alarm


def store_alarms(alarms: Sequence[RevocationAlarm]) -> None:
    """Store new alarms, and announce them, inside the caller's transaction."""
    if not alarms:
        return
    RevocationAlarm.objects.bulk_create(alarms)
    activity.record_many(
        [
            activity.entry_of(
                each.reported_by,
                verb="Revocation alarm",
                **each.client.in_activity(),
                before=None,
                after={
                    "certificate_subject": each.subject,
                    "certificate_serial": serial_text(int(each.serial, 16)),
                    "thumbprint": each.thumbprint,
                },
            )
            for each in alarms
        ]
    )
    announce_let_in(alarms)

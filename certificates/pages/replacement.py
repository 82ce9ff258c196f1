"""The replacement of a CA certificate by another one: what is done, what comes next, and which clients are where.

A client is where its last connection says. What no connection shows is unknown, and never safe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q
from django.http import QueryDict

from certificates.actions.rollover_states import (
    CONFIRMED,
    DONE,
    LEFT,
    STATES,
    UNKNOWN,
    WAITING,
    Places,
    clients_by_place,
    rollover_of,
)
from certificates.models import CACertificate, CARollover, full_at_limit
from certificates.pages.ca_usage import Impact
from certificates.x509.certificate import name_key, public_key_hash
from certificates.x509.reading import to_pem
from namespaces.connections.attempts import has_connection_log
from namespaces.models import Client, Namespace
from sync.models import SyncState

UPLOAD, START, TRUST, MOVE, REMOVE = STEPS = ("upload", "start", "trust", "move", "delete")
SILENT = timedelta(minutes=15)  # without a read of the log, what the clients did since is not known
ROWS = 50
REMIND_AGAIN = timedelta(days=1)


@dataclass(frozen=True)
class Slot:
    """One of the CA certificates of a full namespace, with the number of clients whose last connection it vouched for."""

    ca: CACertificate
    clients: int


@dataclass(frozen=True)
class Replacement:
    """`old` is replaced by `new` (None: not chosen or not uploaded yet), one of `choices`.

    `rollover` is None until it was started. `counts` are the enabled clients that need a CA certificate, by their place
    (`STATES`). `takes_over`: the new one has the same subject and key. `problem` is why not even a client that has moved
    shows that the old one may go: a code, or "".
    """

    old: CACertificate
    new: CACertificate | None
    choices: Sequence[CACertificate]
    rollover: CARollover | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    takes_over: bool = False
    problem: str = ""
    slots: Sequence[Slot] = ()
    full_at: int = 0
    shown: str = ""
    page: Page[Client] | None = None
    may_remind: bool = False
    confirmable: frozenset[int] = frozenset()  # clients of the page that the person may confirm
    log_read_at: datetime | None = None

    @property
    def full_text(self) -> str:
        return str(self.full_at)

    @property
    def may_confirm(self) -> bool:
        return bool(self.confirmable)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def moved(self) -> int:
        return sum(self.counts.get(place, 0) for place in DONE)

    @property
    def left(self) -> int:
        return sum(self.counts.get(place, 0) for place in LEFT)

    @property
    def verdict(self) -> str:
        """Return "safe" where no client can be refused without the old one, else "waiting" or "unknown"."""
        if self.counts.get(WAITING):
            return "waiting"
        return "unknown" if self.counts.get(UNKNOWN) or self.problem else "safe"

    @property
    def is_safe(self) -> bool:
        return self.current == REMOVE

    @property
    def current(self) -> str:
        """Return the step to take next."""
        if self.new is None:
            return UPLOAD
        if self.rollover is None:
            return START
        if self.new.sync_state != SyncState.SUCCEEDED:
            return TRUST
        return REMOVE if self.verdict == "safe" else MOVE

    @property
    def done(self) -> Sequence[str]:
        return STEPS[: STEPS.index(self.current)]

    @cached_property
    def chips(self) -> list[tuple[str, str, int]]:
        """Return code, label and number of clients of each place with clients."""
        return [(code, label, self.counts[code]) for code, label in STATES.items() if self.counts.get(code)]


def replacement_of(old: CACertificate, impact: Impact, query: QueryDict, *, at: datetime) -> Replacement:
    """Return the state of the replacement: of the one that was started, else of the one that `by` names or that is likely.

    Likely is the newest one of the same subject or issuer that was uploaded after the old one and expires after it.
    `impact` is that of the old one.
    """
    namespace, rollover = old.namespace, rollover_of(old)
    others = CACertificate.visible_to(namespace.sight).present().exclude(pk=old.pk).select_related("namespace")
    rows = list(others.order_by("-pk"))
    for each in rows:
        each.namespace = namespace  # with what the user sees
    choices = [each for each in rows if each.not_after and each.not_after > namespace.judged_at(at)]
    if rollover is not None:
        new = next((each for each in rows if each.pk == rollover.successor_id), None)
    else:
        named = next((each for each in choices if each.name == query.get("by", "")), None)
        new = named or next((each for each in choices if _is_newer(each, old)), None)
    full_at = full_at_limit(namespace) if new is None else 0
    if rollover is None or new is None:
        return Replacement(
            old, new, choices, rollover, full_at=full_at, slots=_slots(namespace) if full_at else (),
            takes_over=new is not None and has_same_subject_and_key(old, new),
        )  # fmt: skip
    return _under_way(rollover, old, new, impact, query, at=at)


def _under_way(
    rollover: CARollover, old: CACertificate, new: CACertificate, impact: Impact, query: QueryDict, *, at: datetime
) -> Replacement:
    takes_over = has_same_subject_and_key(old, new)
    dependents = impact.insight.dependents if takes_over and impact.insight else ()
    needing = frozenset(each.client_name for each in dependents)
    places = Places.of(rollover, new, at=old.namespace.judged_at(at), takes_over=takes_over, needing=needing)
    clients = clients_by_place(rollover, old.namespace, places)
    counted = clients.order_by().values_list("place").annotate(total=Count("pk"))
    counts = {str(place): int(total) for place, total in counted}
    shown = query.get("show", "")
    shown = shown if shown in counts else next((place for place in STATES if counts.get(place)), "")
    rows = clients.filter(place=shown).select_related("team").order_by("name", "pk")
    page = Paginator(rows, ROWS).get_page(query.get("page"))
    reach = old.namespace.rights.reach(Client)
    mine = [each.pk for each in page.object_list if reach.covers(each.team_id)] if shown in LEFT else []
    return Replacement(
        old,
        new,
        (),
        rollover,
        counts,
        takes_over,
        _problem(old.namespace, new, counts, at),
        shown=shown,
        page=page,
        confirmable=frozenset(mine),
        may_remind=rollover.reminded_at <= at - REMIND_AGAIN,
        log_read_at=old.namespace.connections_read_at,
    )


def _problem(namespace: Namespace, new: CACertificate, counts: Mapping[str, int], at: datetime) -> str:
    """Return why the places may be out of date or incomplete: a code, or ""."""
    judged = namespace.judged_at(at)
    if not (new.not_before and new.not_after and new.not_before <= judged <= new.not_after):
        return "not-valid"
    if namespace.sight.is_partial:
        return "partial"  # other teams' clients count, and are not seen
    if set(counts) <= {CONFIRMED}:
        return ""  # people know; no log is needed
    if not has_connection_log():
        return "no-log"
    read_at = namespace.connections_read_at
    if namespace.connections_error or namespace.unreachable_since or read_at is None or read_at < at - SILENT:
        return "log-silent"
    return ""


def _slots(namespace: Namespace) -> list[Slot]:
    """Return the CA certificates with the number of clients behind them, those without clients first."""
    rows = list(CACertificate.visible_to(namespace.sight).present())
    keys = {row.pk: public_key_hash(bytes(row.der)) for row in rows if row.der}
    clients = Client.visible_to(namespace.sight).present().filter(anchor_key__in=set(keys.values()))
    counted = dict(clients.order_by().values_list("anchor_key").annotate(total=Count("pk")))
    slots = [Slot(row, counted.get(keys.get(row.pk, ""), 0)) for row in rows]
    return sorted(slots, key=lambda slot: (slot.clients, slot.ca.name))


def has_same_subject_and_key(old: CACertificate, new: CACertificate) -> bool:
    """Return whether the new one can vouch for every certificate that the old one vouched for."""
    key = public_key_hash(bytes(old.der))
    same_key = key != "" and key == public_key_hash(bytes(new.der))
    return same_key and name_key(old.subject) == name_key(new.subject)


def _is_newer(each: CACertificate, old: CACertificate) -> bool:
    is_later = each.pk > old.pk and old.not_after and each.not_after and each.not_after > old.not_after
    return bool(is_later) and (each.subject == old.subject or each.issuer == old.issuer)


def finished_of(row: CACertificate) -> list[CARollover]:
    """Return the replacements by this CA certificate that can be undone: the old one is deleted."""
    gone = Q(old=None) | Q(old__deleted_at__isnull=False)
    return list(CARollover.objects.filter(gone, successor=row, cancelled_at=None))


def uploads_again(namespace: Namespace, pk: str) -> dict[str, Any]:
    """Return what the form is filled with to trust a CA certificate again that was replaced; nothing for an unknown one."""
    if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
        return {}
    row = CARollover.objects.filter(namespace=namespace, pk=pk, cancelled_at=None).select_related("successor").first()
    if row is None or row.successor is None or namespace.sight.hides(row.successor):
        return {}
    return {
        "name": row.old_name,
        "description": row.old_description,
        "pem": to_pem(bytes(row.old_der)),
        "team": row.old_team_id,
    }

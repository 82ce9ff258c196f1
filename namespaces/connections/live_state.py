"""What a client is doing now, as its page *Try it* shows it: sessions, subscriptions, message counts."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from namespaces.models import Client
from portal.listing import whole_number
from sync.arm.gateway import AzureNotFound, AzureRefused, AzureUnreachable
from sync.capabilities.live_state import live_state

POLL_SECONDS = 2
WATCHED_SECONDS = 900  # a page left open must stop polling at some time
SUBSCRIPTIONS_SHOWN = 100


@dataclass(frozen=True)
class LiveSubscription:
    """A topic filter and what admits it; `space` is "" where nothing is ruled yet.

    `waiting`: messages of a shared subscription that wait until one of its members has room.
    """

    topic_filter: str
    qos: int
    space: str
    binding: str
    session_name: str
    waiting: int


@dataclass(frozen=True)
class LiveSession:
    """A session of the client: connected, or kept until `expires_at`. Times of waiting are in seconds."""

    name: str
    is_connected: bool
    since: datetime | None
    protocol: str
    keep_alive: int
    expiry: int
    expires_at: datetime | None
    queued: int
    unacknowledged: int


@dataclass(frozen=True)
class MessageCount:
    """One row of the counts: by quality of service, and the newest of them where that is known."""

    name: str  # what is counted, as in the live state
    label: str
    hint: str
    by_qos: tuple[int, ...]
    topic: str = ""
    at: datetime | None = None
    why: str = ""  # the newest was refused
    has_newest: bool = True  # whether the target reports the newest of these

    @property
    def of_qos_2(self) -> int:
        return self.by_qos[2] if len(self.by_qos) > 2 else 0


@dataclass(frozen=True)
class RefusedSubscription:
    """The newest topic filter that was not granted."""

    topic_filter: str
    at: datetime | None
    why: str


@dataclass(frozen=True)
class Live:
    """What the page shows. `problem`: why it cannot be known now, with the stable `problem_code`."""

    sessions: tuple[LiveSession, ...] = ()
    more_sessions: int = 0
    subscriptions: tuple[LiveSubscription, ...] = ()
    more_subscriptions: int = 0
    counts: tuple[MessageCount, ...] = ()
    counted_since: datetime | None = None
    refused_subscriptions: int = 0
    last_refused_subscription: RefusedSubscription | None = None
    problem: str = ""
    problem_code: str = ""
    fingerprint: str = ""
    began: int = 0
    delay: int = field(default=POLL_SECONDS, init=False)

    @property
    def is_over(self) -> bool:
        return not 0 <= time.time() - self.began < WATCHED_SECONDS

    @property
    def said(self) -> str:
        """The news in one sentence, for who listens: not the counts, which never stand still."""
        if self.problem:
            return "What this client is doing cannot be read now."
        connected = sum(each.is_connected for each in self.sessions)
        kept = len(self.sessions) - connected + self.more_sessions
        total = len(self.subscriptions) + self.more_subscriptions
        return f"{_count(connected, 'session')} connected, {kept} kept, {_count(total, 'subscription')}."

    @property
    def said_mark(self) -> str:
        return _digest(self.said)

    @property
    def next_query(self) -> str:
        """What the page knows, for its next request."""
        return urlencode({"began": self.began, "seen": self.fingerprint, "said": self.said_mark})


def live_of(client: Client, query: QueryDict) -> Live | None:
    """Return what the client is doing now; None where the target does not report it.

    `query` holds what the page knows already.
    """
    gateway = live_state()
    if gateway is None:
        return None
    began = _whole(query.get("began")) or int(time.time())
    try:
        state = gateway.read(client.namespace.resource_id, client.name)
    except AzureNotFound:
        return _problem(
            "not-at-endpoint", "It has not reached the endpoint yet. This page refreshes automatically.", began
        )
    except (AzureRefused, AzureUnreachable) as fault:
        sentence = f"The endpoint cannot be reached now: {fault}. This page refreshes automatically."
        return _problem("unreachable", sentence, began)
    return _read(state, began)


def _problem(code: str, sentence: str, began: int) -> Live:
    return Live(problem=sentence, problem_code=code, fingerprint=_digest(sentence), began=began)


def _read(state: Mapping[str, Any], began: int) -> Live:
    raw = [each for each in state.get("sessions") or [] if isinstance(each, dict)]
    subscriptions = [
        _subscription(each, _text(session.get("sessionName")))
        for session in raw
        for each in session.get("subscriptions") or []
        if isinstance(each, dict)
    ]
    messages = state.get("messages") or {}
    return Live(
        sessions=tuple(_session(each) for each in raw),
        more_sessions=max(_whole(state.get("sessionCount")) - len(raw), 0),
        subscriptions=tuple(subscriptions[:SUBSCRIPTIONS_SHOWN]),
        more_subscriptions=max(len(subscriptions) - SUBSCRIPTIONS_SHOWN, 0),
        counts=_counts(messages) if messages else (),
        counted_since=_moment(messages.get("since")),
        refused_subscriptions=_whole(messages.get("refusedSubscriptions")),
        last_refused_subscription=_refused_subscription(messages.get("lastRefusedSubscription")),
        fingerprint=_digest(json.dumps(state, sort_keys=True, default=str)),
        began=began,
    )


def _session(state: Mapping[str, Any]) -> LiveSession:
    return LiveSession(
        name=_text(state.get("sessionName")),
        is_connected=state.get("state") == "Connected",
        since=_moment(state.get("since")),
        protocol=_text(state.get("protocol")),
        keep_alive=_whole(state.get("keepAliveInSeconds")),
        expiry=_whole(state.get("sessionExpiryInSeconds")),
        expires_at=_moment(state.get("expiresAt")),
        queued=_whole(state.get("queuedMessages")),
        unacknowledged=_whole(state.get("unacknowledgedMessages")),
    )


def _subscription(state: Mapping[str, Any], session_name: str) -> LiveSubscription:
    return LiveSubscription(
        topic_filter=_text(state.get("topicFilter")),
        qos=_whole(state.get("qos")),
        space=_text(state.get("topicSpace")),
        binding=_text(state.get("permissionBinding")),
        session_name=session_name,
        waiting=_whole(state.get("sharedQueuedMessages")),
    )


def _refused_subscription(state: Any) -> RefusedSubscription | None:
    if not isinstance(state, dict):
        return None
    return RefusedSubscription(_text(state.get("topic")), _moment(state.get("time")), _text(state.get("reason")))


def _counts(state: Mapping[str, Any]) -> tuple[MessageCount, ...]:
    def row(name: str, label: str, hint: str, last: str = "") -> MessageCount:
        numbers = tuple(_whole(each) for each in state.get(name) or ())
        newest = state.get(last) or {}
        return MessageCount(
            name,
            label,
            hint,
            (*numbers, 0, 0)[: max(len(numbers), 2)],
            _text(newest.get("topic")),
            _moment(newest.get("time")),
            _text(newest.get("reason")),
            bool(last),
        )

    return (
        row("received", "Published by it", "received by the broker", "lastReceived"),
        row("delivered", "Delivered to it", "counted once each, even when sent again", "lastDelivered"),
        row("refused", "Refused", "not permitted, or over a limit", "lastRefused"),
        row("dropped", "Dropped", "offline, slow, too large or expired"),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text(value: Any) -> str:
    return str(value or "")[:512]


def _whole(value: Any) -> int:
    return whole_number(str(value)) or 0


def _moment(value: Any) -> datetime | None:
    try:
        return parse_datetime(str(value)) if value else None
    except ValueError:
        return None

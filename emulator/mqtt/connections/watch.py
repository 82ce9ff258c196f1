"""Connections that are no longer allowed: their client was disabled or deleted, their CA was deleted or expired, or a
permission that a subscription needs is gone.

Azure drops the connection of a client that was disabled (lifecycle event reason ClientAuthenticationError) and of one
whose certificate has expired. Whether it does for a CA is unconfirmed: docs/policy.md.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from emulator.mqtt.authorization.topics import CONCERNED
from emulator.mqtt.wire.packets import Reason
from emulator.storage.store import CA_CERTIFICATE, CLIENT, Change

if TYPE_CHECKING:
    from emulator.mqtt.connections.connection import Connection
    from emulator.mqtt.listeners.namespace_endpoint import NamespaceEndpoint
    from emulator.mqtt.sessions.session import Session

_SLICE = 25  # connections decided again, or sessions looked at, before others get their turn


class Watch:
    """Follows the changes of one namespace. With `end_sessions` off, only permissions are followed."""

    def __init__(self, endpoint: NamespaceEndpoint, *, end_sessions: bool) -> None:
        self._endpoint = endpoint
        self._end_sessions = end_sessions
        self._due: dict[Connection, None] = {}
        self._is_deciding = False
        self._unchecked: dict[Session, None] = {}  # sessions whose subscriptions may be permitted no longer
        self._is_checking = False

    def changed(self, change: Change) -> None:
        """A change was committed. Runs in the event loop."""
        resource = change.resource
        broker = self._endpoint.broker
        if resource.type == CLIENT:
            self._check_again(*broker.sessions_of(resource.unique_key or ""))
        elif resource.type in CONCERNED:
            self._check_again(*broker.sessions.values())
        if resource.type == CLIENT and change.kind == "deleted":
            broker.tallies.forget(resource.unique_key or "")
        if not self._end_sessions:
            return
        if resource.type == CLIENT:
            self._decide_again(*self._endpoint.connections_of(resource.unique_key or ""))
        elif resource.type == CA_CERTIFICATE:
            everyone = self._endpoint.connections()
            self._decide_again(*(c for c in everyone if c.decision is not None and c.decision.anchor == resource.name))

    def sweep(self) -> None:
        """Look for certificates that have expired since."""
        if self._end_sessions:
            now = datetime.now(UTC).timestamp()
            self._decide_again(*(c for c in self._endpoint.connections() if c.valid_until <= now))

    def _decide_again(self, *connections: Connection) -> None:
        self._due.update(dict.fromkeys(connections))
        if self._due and not self._is_deciding:
            self._is_deciding = True
            asyncio.get_running_loop().call_soon(self._decide_some)

    def _decide_some(self) -> None:
        """A few at a time: a CA may stand behind thousands of connections."""
        for connection in tuple(islice(self._due, _SLICE)):
            del self._due[connection]
            if not self._endpoint.is_current(connection):
                continue
            decision = connection.decide()
            if not decision.accepted:
                connection.end(Reason.NOT_AUTHORIZED, decision.reason, "ClientAuthenticationError")
        self._is_deciding = bool(self._due)
        if self._due:
            asyncio.get_running_loop().call_soon(self._decide_some)

    def _check_again(self, *sessions: Session) -> None:
        self._unchecked.update(dict.fromkeys(sessions))
        if self._unchecked and not self._is_checking:
            self._is_checking = True
            asyncio.get_running_loop().call_soon(self._check_some)

    def _check_some(self) -> None:
        """A few at a time, as above: a rule may be about every session there is."""
        for session in tuple(islice(self._unchecked, _SLICE)):
            del self._unchecked[session]
            if self._endpoint.broker.sessions.get(session.name) is session:
                self._check(session)
        self._is_checking = bool(self._unchecked)
        if self._unchecked:
            asyncio.get_running_loop().call_soon(self._check_some)

    def _check(self, session: Session) -> None:
        """A subscription that is no longer permitted ends; who is connected is told by the end of the connection."""
        endpoint = self._endpoint
        for topic_filter in tuple(session.subscriptions):
            access = endpoint.authorisation.may_subscribe(session.owner, topic_filter)
            if access.allowed:
                continue
            endpoint.broker.unsubscribe(session, topic_filter)
            connection = endpoint.connection_of(session)
            if connection is not None:
                connection.end(Reason.NOT_AUTHORIZED, access.sentence, "ClientAuthorizationError")

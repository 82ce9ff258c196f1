"""End connections and subscriptions that are no longer allowed.

A client was disabled or deleted, a CA certificate was deleted or a certificate expired, by the clock or because the moment at
which certificates are judged was moved, or the permission behind a
subscription was taken away, or the IP rules of the namespace no longer allow the address. Azure drops the connection of a disabled client (lifecycle event reason
ClientAuthenticationError) and of one whose certificate has expired; whether it does for a CA is unconfirmed: docs/policy.md.
"""

import asyncio
from itertools import islice

from emulator.mqtt.authorization.topics import PERMISSION_TYPES
from emulator.mqtt.connections.protocols import ClientConnection, Namespace
from emulator.mqtt.sessions.session import Session
from emulator.mqtt.wire.packets import Reason
from emulator.storage.store import CA_CERTIFICATE, CLIENT, Change

_SLICE = 25  # connections or sessions checked before others get their turn


class Revocation:
    """Follows the changes of one namespace. With `end_sessions` off, only permissions are followed."""

    def __init__(self, namespace: Namespace, *, end_sessions: bool) -> None:
        self._namespace = namespace
        self._end_sessions = end_sessions
        self._due: dict[ClientConnection, None] = {}
        self._is_authenticating = False
        self._unchecked: dict[Session, None] = {}  # sessions whose permissions may have changed
        self._is_checking = False

    def changed(self, change: Change) -> None:
        """Follow a committed change. Runs in the event loop."""
        resource = change.resource
        broker = self._namespace.broker
        if resource.type == CLIENT:
            self._check_again(*broker.sessions_of(resource.unique_key or ""))
        elif resource.type in PERMISSION_TYPES:
            self._check_again(*broker.sessions.values())
        if resource.type == CLIENT and change.kind == "deleted":
            broker.tallies.forget(resource.unique_key or "")
        if not self._end_sessions:
            return
        if change.kind == "judged":
            self._authenticate_again(*self._namespace.connections())
        if resource.type == CLIENT:
            self._authenticate_again(*self._namespace.connections_of(resource.unique_key or ""))
        elif resource.type == CA_CERTIFICATE:
            self._authenticate_again(*(c for c in self._namespace.connections() if c.ca_name == resource.name))

    def check_addresses(self) -> None:
        """End the connections from addresses that the namespace's IP rules no longer allow."""
        if not self._end_sessions:
            return
        for connection in tuple(self._namespace.connections()):
            refusal = self._namespace.ip_rules.refusal(connection.peer)
            if refusal is not None:
                connection.end(refusal.reason, refusal.sentence, refusal.signature, code=refusal.code)

    def sweep(self) -> None:
        """End the connections whose certificates have expired."""
        if self._end_sessions:
            now = self._namespace.authenticator.judged_at().timestamp()
            self._authenticate_again(*(c for c in self._namespace.connections() if c.valid_until <= now))

    def _authenticate_again(self, *connections: ClientConnection) -> None:
        self._due.update(dict.fromkeys(connections))
        if self._due and not self._is_authenticating:
            self._is_authenticating = True
            asyncio.get_running_loop().call_soon(self._authenticate_some)

    def _authenticate_some(self) -> None:
        """Authenticate a few at a time: one CA may have signed the certificates of thousands of clients."""
        for connection in tuple(islice(self._due, _SLICE)):
            del self._due[connection]
            if not self._namespace.is_current(connection):
                continue
            refusal = connection.authenticate_again()
            if refusal is not None:
                connection.end(refusal.reason, refusal.sentence, refusal.signature, code=refusal.code)
        self._is_authenticating = bool(self._due)
        if self._due:
            asyncio.get_running_loop().call_soon(self._authenticate_some)

    def _check_again(self, *sessions: Session) -> None:
        self._unchecked.update(dict.fromkeys(sessions))
        if self._unchecked and not self._is_checking:
            self._is_checking = True
            asyncio.get_running_loop().call_soon(self._check_some)

    def _check_some(self) -> None:
        """Check a few at a time: a rule may concern every session."""
        for session in tuple(islice(self._unchecked, _SLICE)):
            del self._unchecked[session]
            if self._namespace.broker.sessions.get(session.name) is session:
                self._check(session)
        self._is_checking = bool(self._unchecked)
        if self._unchecked:
            asyncio.get_running_loop().call_soon(self._check_some)

    def _check(self, session: Session) -> None:
        """Remove subscriptions that are no longer permitted, and disconnect their client."""
        namespace = self._namespace
        for topic_filter in tuple(session.subscriptions):
            access = namespace.authorization.may_subscribe(session.owner, topic_filter)
            if access.allowed:
                continue
            namespace.broker.unsubscribe(session, topic_filter)
            connection = namespace.connection_of(session)
            if connection is not None:
                connection.end(Reason.NOT_AUTHORIZED, access.sentence, "ClientAuthorizationError", code="not-permitted")

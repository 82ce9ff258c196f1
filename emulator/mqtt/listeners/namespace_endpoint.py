"""The MQTT endpoint of one namespace: its listener, its broker and its connections."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from certificates.authentication.engine import authentication_name_key
from emulator.arm.faults.session_endings import SessionEnding
from emulator.authority import Authority
from emulator.credentials import Credentials
from emulator.mqtt.authorization.topics import Authorization
from emulator.mqtt.connect_decision.authentication import Authenticator
from emulator.mqtt.connect_decision.connect_rate import ConnectRate
from emulator.mqtt.connect_decision.ip_rules import IpRules
from emulator.mqtt.connections.connection import Connection
from emulator.mqtt.connections.protocols import ClientConnection
from emulator.mqtt.connections.revocation import Revocation
from emulator.mqtt.http_api.http_connection import HttpConnection
from emulator.mqtt.http_api.service import HttpService
from emulator.mqtt.limits import (
    DEFAULT_SESSION_EXPIRY_HOURS,
    DEFAULT_SESSIONS_PER_NAME,
    MAX_CONNECTIONS,
    STOP_SECONDS,
)
from emulator.mqtt.options import MqttOptions
from emulator.mqtt.recording.records import CONNECT, record_of
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.sessions.message_limits import message_of
from emulator.mqtt.sessions.session import Message, Session
from emulator.mqtt.transport.handshake_failures import HandshakeFailure
from emulator.mqtt.transport.handshakes import Handshakes
from emulator.mqtt.transport.server_context import server_context
from emulator.mqtt.transport.tls import Application, Outbox, TlsTransport
from emulator.mqtt.transport.websocket import Opening
from emulator.mqtt.webhook.asker import WebhookAsker
from emulator.mqtt.webhook.namespace_webhook import NamespaceWebhook
from emulator.mqtt.wire.packets import Reason, Will
from emulator.storage.connection_log import WRITTEN_WITHIN_SECONDS
from emulator.storage.connection_records import ConnectionRecord
from emulator.storage.store import Resource, Store

logger = logging.getLogger("emulator.mqtt")

_PORTS_TRIED = 200


@dataclass(frozen=True)
class _WaitingWill:
    will: Will
    timer: asyncio.TimerHandle


class NamespaceEndpoint:
    """One namespace's listener with its broker and connections. See `emulator.mqtt.transport.tls.Acceptor`."""

    def __init__(
        self,
        namespace: Resource,
        store: Store,
        options: MqttOptions,
        credentials: Credentials | None = None,
        webhooks: WebhookAsker | None = None,
    ) -> None:
        self.namespace_id = namespace.id
        self.outbox = Outbox()
        self.azure = options.azure
        self.is_over = False  # the namespace was deleted; a new one of the same name gets its own endpoint
        self._store = store
        self.broker = Broker(self._on_dropped)
        self.authorization = Authorization(store, namespace.id, open_topics=options.open_topics)
        self.authenticator = Authenticator(store, namespace.id)
        self.connect_rate = ConnectRate(options.connects_each_second)
        self.ip_rules = IpRules()
        self._has_ip_rules = options.azure.ip_firewall and options.ip_rules
        self._webhooks = webhooks if options.azure.webhook_authentication else None
        self.webhook: NamespaceWebhook | None = None
        self.revocation = Revocation(self, end_sessions=options.end_sessions)
        self._server: asyncio.Server | None = None
        self._transports: set[TlsTransport] = set()
        self._no_transports = asyncio.Event()
        self._no_transports.set()
        self._open: set[ClientConnection] = set()
        self._current: dict[str, ClientConnection] = {}
        self._wills: dict[str, _WaitingWill] = {}
        self._http = HttpService(self, store, credentials, open_topics=options.open_topics)
        self._http_connections: set[HttpConnection] = set()
        self.routes_messages = False
        self._handshakes = Handshakes()
        self._turned_away = 0
        self._is_down = False
        self.wall_offset = time.time() - time.monotonic()  # from the broker's clock to Unix time
        self.host_names: tuple[str, ...] = ()
        self.sessions_per_name = DEFAULT_SESSIONS_PER_NAME
        self.maximum_session_expiry_seconds = DEFAULT_SESSION_EXPIRY_HOURS * 3600
        self.configure(namespace)

    def configure(self, namespace: Resource) -> None:
        """Apply the namespace's settings from the next CONNECT on."""
        settings: Mapping[str, Any] = namespace.properties.get("topicSpacesConfiguration") or {}
        self.sessions_per_name = settings.get("maximumClientSessionsPerAuthenticationName") or DEFAULT_SESSIONS_PER_NAME
        own = settings.get("hostname")
        self.host_names = (*([str(own).lower()] if own else []), f"{namespace.name.lower()}.localhost")
        self.routes_messages = bool(settings.get("routeTopicResourceId"))
        self.broker.retained.configure(int((namespace.body.get("sku") or {}).get("capacity") or 1))
        hours = settings.get("maximumSessionExpiryInHours") or DEFAULT_SESSION_EXPIRY_HOURS
        self.maximum_session_expiry_seconds = hours * 3600
        if self._webhooks is not None:
            self.webhook = NamespaceWebhook.of(namespace, self._webhooks, self._store)
        if self._has_ip_rules:
            self.ip_rules = IpRules.of(namespace.properties)
            self.revocation.check_addresses()

    def set_down(self, is_down: bool) -> None:
        """Take no connections while the endpoint is down; those there are end as in a network failure."""
        self._is_down = is_down
        for transport in tuple(self._transports) if is_down else ():
            transport.abort()

    def end_sessions(self, ending: SessionEnding) -> int:
        """End sessions that are connected, and return their number."""
        owners = {authentication_name_key(name) for name in ending.names}
        found = [
            connection
            for connection in self.connections()
            if (connection.session is not None and connection.session.owner in owners)
            or not ending.thumbprints.isdisjoint(connection.thumbprints)
        ]
        for connection in found:
            connection.end(Reason.NOT_AUTHORIZED, ending.reason, "ClientAuthenticationError", code="session-ended")
        return len(found)

    def forget(self) -> None:
        """Forget every remembered decision: the namespace has changed. May be called from any thread."""
        self.authenticator.forget()
        self.authorization.forget()

    async def listen(self, authority: Authority, host: str, wanted: int, *, exact: bool) -> int:
        """Open the listener: at `wanted`, or at the next free port when that is busy. 0 = any. Returns the port."""
        context = server_context(authority.mqtt_certificates_for(self.host_names))
        loop = asyncio.get_running_loop()
        for port in [wanted] if wanted == 0 else range(wanted, min(wanted + _PORTS_TRIED, 65_536)):
            try:
                self._server = await loop.create_server(lambda: TlsTransport(context, self), host, port, backlog=1024)
            except OSError:
                continue
            found: int = self._server.sockets[0].getsockname()[1]
            if exact and wanted not in {0, found}:
                logger.warning("port %s is in use; %s listens on %s", wanted, self.namespace_id, found)
            return found
        raise OSError(f"No free port from {wanted} on for the MQTT endpoint of {self.namespace_id}.")

    def close(self, sentence: str, code: str) -> None:
        """Stop listening and end every connection with a reason. See `wait_closed`."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._open):
            connection.end(Reason.SERVER_SHUTTING_DOWN, sentence, "ServerInitiatedDisconnect", code=code)
        for serving in tuple(self._http_connections):
            serving.close()
        for waiting in self._wills.values():
            waiting.timer.cancel()
        for transport in tuple(self._transports):
            if not transport.is_established:
                transport.abort()

    @property
    def has_connections(self) -> bool:
        """Whether TCP connections are open, with those that are still closing."""
        return bool(self._transports)

    async def wait_closed(self) -> None:
        """Wait until the clients have closed too, for `STOP_SECONDS` at most, and cut off the others."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._no_transports.wait()
        for transport in tuple(self._transports):
            transport.abort()
        await self._no_transports.wait()
        if self._server is not None:
            await self._server.wait_closed()

    # For a listener: `emulator.mqtt.transport.tls.Acceptor`

    def admit(self, transport: TlsTransport) -> bool:
        if self._is_down:
            return False
        if len(self._transports) >= MAX_CONNECTIONS:
            self._turned_away += 1
            return False
        self._transports.add(transport)
        self._no_transports.clear()
        self._handshakes.begin(transport)
        return True

    def application(self, transport: TlsTransport) -> Application | None:
        self._handshakes.end(transport)
        connection = Connection(self, transport)
        self._open.add(connection)
        return Opening(transport, connection, partial(self._serve_http, transport))

    def _serve_http(self, transport: TlsTransport) -> Application:
        serving = HttpConnection(transport, self._http.respond, self._http_connections.discard)
        self._http_connections.add(serving)
        return serving

    def handshake_failed(self, transport: TlsTransport, failure: HandshakeFailure) -> None:
        self.record(
            record_of(
                CONNECT,
                namespace_id=self.namespace_id,
                succeeded=False,
                signature="TlsError",
                description=failure.sentence,
                code=failure.code,
                peer=transport.peer,
            )
        )

    def gone(self, transport: TlsTransport) -> None:
        self._handshakes.end(transport)
        self._transports.discard(transport)
        if not self._transports:
            self._no_transports.set()

    # For a connection: `emulator.mqtt.connections.protocols.Namespace`

    def record(self, record: ConnectionRecord) -> None:
        """Add a record to the log, which is deleted with its namespace."""
        if not self.is_over and self._store.record_connection(record):
            asyncio.get_running_loop().call_later(WRITTEN_WITHIN_SECONDS, self._store.write_connections)

    def connected(self, connection: ClientConnection) -> None:
        """Register a connected client and cancel the delayed will of its session."""
        self._current[connection.session_name] = connection
        waiting = self._wills.pop(connection.session_name, None)
        if waiting is not None:
            waiting.timer.cancel()

    def is_current(self, connection: ClientConnection) -> bool:
        """Whether the connection still holds its session: after a takeover it does not."""
        return self._current.get(connection.session_name) is connection

    def connections(self) -> list[ClientConnection]:
        """Return the connections of all connected clients."""
        return list(self._current.values())

    def connections_of(self, owner: str) -> list[ClientConnection]:
        """Return the connections of one client. `owner`: the key of its authentication name."""
        names = self.broker.session_names_of(owner)
        return [connection for name in names if (connection := self._current.get(name)) is not None]

    def connection_of(self, session: Session) -> ClientConnection | None:
        connection = self._current.get(session.name)
        return connection if connection is not None and connection.session is session else None

    def closed(self, connection: ClientConnection) -> None:
        self._open.discard(connection)
        if self.is_current(connection):
            del self._current[connection.session_name]

    def take_over(self, session_name: str, newcomer: ClientConnection) -> None:
        """End the older connection of a session that connects again."""
        older = self._current.get(session_name)
        if older is not None and older is not newcomer:
            older.end(Reason.SESSION_TAKEN_OVER, "Another connection took over this session.", "SessionTakenOver")

    def publish(self, message: Message, publisher: Session | None, now: float) -> None:
        """Deliver a message to its subscribers. A session whose queue overflows ends, as in Event Grid."""
        for session in self.broker.publish(message, publisher, now):
            connection = self._current.get(session.name)
            if connection is not None:
                connection.end(Reason.QUOTA_EXCEEDED, "The session's queue overflowed.", "SessionOverflow")
            self.broker.drop(session, now)

    def publish_will(self, will: Will, session: Session, delay: int) -> None:
        """Publish a will `delay` seconds from now, or when its session ends, whichever is first (MQTT 5, 3.1.3.2.2).

        Its message expiry counts from when it is published.
        """
        loop = asyncio.get_running_loop()
        if not delay:
            now = loop.time()
            self.publish(message_of(will, now, self.azure), None, now)
            return
        timer = loop.call_later(delay, self._publish_waiting, session.name)
        self._wills[session.name] = _WaitingWill(will, timer)

    def _publish_waiting(self, session_name: str) -> None:
        waiting = self._wills.pop(session_name, None)
        if waiting is not None:
            waiting.timer.cancel()
            now = asyncio.get_running_loop().time()
            self.publish(message_of(waiting.will, now, self.azure), None, now)

    def _on_dropped(self, session: Session) -> None:
        self._publish_waiting(session.name)
        owner = session.owner
        is_last = not self.broker.session_names_of(owner)
        if is_last and self.authorization.forget_identity(owner) and not self.authenticator.client_named(owner):
            self.broker.tallies.forget(owner)  # no client of this name is there to be deleted

    def sweep(self, now: float) -> None:
        """Expire disconnected sessions, and log how many connections were turned away."""
        self.broker.expire(now)
        self.connect_rate.forget_before(now)
        self.revocation.sweep()
        if self._turned_away:
            logger.warning("%s: %s connections rejected: too many are open", self.namespace_id, self._turned_away)
            self._turned_away = 0
        if self._handshakes.cut:
            cut, self._handshakes.cut = self._handshakes.cut, 0
            logger.warning("%s: %s unfinished TLS handshakes closed in favour of newer ones", self.namespace_id, cut)

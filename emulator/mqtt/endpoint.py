"""The listeners: one TLS port for each namespace that has MQTT enabled, following the store."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from certificates.authentication import NamespaceState
from emulator.authority import Authority
from emulator.mqtt.connection import Connection
from emulator.mqtt.limits import (
    DEFAULT_SESSION_EXPIRY_HOURS,
    DEFAULT_SESSIONS_PER_NAME,
    MAX_CONNECTIONS,
)
from emulator.mqtt.packets import Reason
from emulator.mqtt.sessions import Broker, Message, Session
from emulator.mqtt.tls import TlsTransport, server_context
from emulator.records import ConnectionRecord
from emulator.store import Change, Resource, Store

logger = logging.getLogger("emulator.mqtt")

_SWEEP_SECONDS = 5.0
_PORTS_TRIED = 200


class NamespaceEndpoint:
    """One namespace's listener with its broker and connections."""

    def __init__(self, namespace: Resource, store: Store) -> None:
        self.namespace_id = namespace.id
        self._store = store
        self.broker = Broker()
        self._server: asyncio.Server | None = None
        self._open: set[Connection] = set()
        self._current: dict[str, Connection] = {}
        self._wills: dict[str, asyncio.TimerHandle] = {}
        self.sessions_per_name = DEFAULT_SESSIONS_PER_NAME
        self.maximum_session_expiry_seconds = DEFAULT_SESSION_EXPIRY_HOURS * 3600
        self.configure(namespace)

    def configure(self, namespace: Resource) -> None:
        """Take over the namespace's settings; they count for the next CONNECT."""
        settings: Mapping[str, Any] = namespace.properties.get("topicSpacesConfiguration") or {}
        self.sessions_per_name = settings.get("maximumClientSessionsPerAuthenticationName") or DEFAULT_SESSIONS_PER_NAME
        hours = settings.get("maximumSessionExpiryInHours") or DEFAULT_SESSION_EXPIRY_HOURS
        self.maximum_session_expiry_seconds = hours * 3600

    async def listen(self, authority: Authority, host: str, wanted: int, *, exact: bool) -> int:
        """Open the listener: at `wanted`, or at the next free port when that is busy. 0 = any. Returns the port."""
        context = server_context(authority.certificate_path, authority.key_path)
        loop = asyncio.get_running_loop()
        for port in [wanted] if wanted == 0 else range(wanted, min(wanted + _PORTS_TRIED, 65_536)):
            try:
                self._server = await loop.create_server(
                    lambda: TlsTransport(context, lambda: Connection(self)), host, port, backlog=512
                )
            except OSError:
                continue
            found: int = self._server.sockets[0].getsockname()[1]
            if exact and wanted not in {0, found}:
                logger.warning("port %s is busy; %s listens on %s", wanted, self.namespace_id, found)
            return found
        raise OSError(f"No free port from {wanted} on for the MQTT endpoint of {self.namespace_id}.")

    async def close(self, sentence: str) -> None:
        """Stop listening and end every connection with a reason."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._open):
            connection.end(Reason.SERVER_SHUTTING_DOWN, sentence, "ServerInitiatedDisconnect")
        for timer in self._wills.values():
            timer.cancel()
        if self._server is not None:
            await self._server.wait_closed()

    # What a connection asks of its endpoint

    def authentication_state(self) -> NamespaceState:
        return self._store.authentication_state(self.namespace_id)

    def record(self, record: ConnectionRecord) -> None:
        self._store.record_connection(record)

    def opened(self, connection: Connection) -> None:
        self._open.add(connection)
        if len(self._open) > MAX_CONNECTIONS:
            connection.end(Reason.SERVER_BUSY, "The endpoint has all the connections it can hold.", "QuotaExceeded")

    def connected(self, connection: Connection) -> None:
        assert connection.session is not None
        self._current[connection.session.name] = connection
        will = self._wills.pop(connection.session.name, None)
        if will is not None:
            will.cancel()

    def is_current(self, connection: Connection) -> bool:
        """Whether the connection still holds its session: after a takeover it does not."""
        session = connection.session
        return session is not None and self._current.get(session.name) is connection

    def closed(self, connection: Connection) -> None:
        self._open.discard(connection)

    def take_over(self, session_name: str, newcomer: Connection) -> None:
        """The same session name connects again: the older connection ends."""
        older = self._current.get(session_name)
        if older is not None and older is not newcomer and older in self._open:
            older.end(Reason.SESSION_TAKEN_OVER, "Another connection took this session over.", "SessionTakenOver")

    def publish(self, message: Message, publisher: Session | None, now: float) -> None:
        for session in self.broker.publish(message, publisher, now):
            connection = self._current.get(session.name)
            if connection is not None and connection in self._open:
                connection.end(Reason.QUOTA_EXCEEDED, "The session's queue overflowed.", "SessionOverflow")
            self.broker.drop(session)

    def publish_will(self, message: Message, session: Session | None, delay: int) -> None:
        loop = asyncio.get_running_loop()
        if not delay or session is None:
            self.publish(message, None, loop.time())
            return

        def send() -> None:
            self._wills.pop(session.name, None)
            self.publish(message, None, loop.time())

        self._wills[session.name] = loop.call_later(delay, send)

    def sweep(self, now: float) -> None:
        """Let disconnected sessions expire, and forget who held them."""
        self.broker.expire(now)
        for name, connection in tuple(self._current.items()):
            if connection not in self._open and name not in self.broker.sessions:
                del self._current[name]


class MqttEndpoints:
    """All listeners of the emulator. `port_base`: the first namespace's port, 0 = any free ones.

    A namespace keeps its port over restarts; a busy port is passed over for the next free one.
    """

    def __init__(self, store: Store, authority: Authority, host: str, port_base: int) -> None:
        self._store = store
        self._authority = authority
        self._host = host
        self._port_base = port_base
        self._endpoints: dict[str, NamespaceEndpoint] = {}
        self._ports: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def endpoints(self) -> dict[str, tuple[str, int]]:
        """Host and port by canonical namespace id, of those that listen now."""
        return {namespace_id: (self._host, port) for namespace_id, port in self._ports.items()}

    async def start(self) -> None:
        """Listen for every namespace that has MQTT enabled, and follow the store from now on."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._store.subscribe(self._on_change)
        await self._follow()
        self._task = asyncio.create_task(self._run(), name="mqtt endpoints")

    async def stop(self) -> None:
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for namespace_id in tuple(self._endpoints):
            await self._close(namespace_id, "The endpoint is shutting down.")

    def _on_change(self, change: Change) -> None:
        if change.resource.id == change.namespace_id and self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), _SWEEP_SECONDS)
            except TimeoutError:
                now = asyncio.get_running_loop().time()
                for endpoint in self._endpoints.values():
                    endpoint.sweep(now)
                continue
            self._wake.clear()
            try:
                await self._follow()
            except OSError:
                logger.exception("a namespace has no MQTT endpoint")

    async def _follow(self) -> None:
        wanted = {n.id: n for n in self._store.namespaces() if n.mqtt_is_enabled}
        for namespace_id in tuple(self._endpoints):
            if namespace_id not in wanted:
                await self._close(namespace_id, "MQTT was switched off for this namespace.")
        for namespace_id, namespace in wanted.items():
            endpoint = self._endpoints.get(namespace_id)
            if endpoint is None:
                await self._open(namespace)
            else:
                endpoint.configure(namespace)

    async def _open(self, namespace: Resource) -> None:
        endpoint = NamespaceEndpoint(namespace, self._store)
        remembered = self._store.mqtt_port(namespace.id)
        wanted = remembered or (self._port_base and self._port_base + len(self._ports))
        port = await endpoint.listen(self._authority, self._host, wanted or 0, exact=remembered is not None)
        self._endpoints[namespace.id] = endpoint
        self._ports[namespace.id] = port
        if port != remembered:
            self._store.remember_mqtt_port(namespace.id, port)
        logger.info("MQTT of %s at %s:%s", namespace.id, self._host, port)

    async def _close(self, namespace_id: str, sentence: str) -> None:
        endpoint = self._endpoints.pop(namespace_id)
        del self._ports[namespace_id]
        await endpoint.close(sentence)

"""One port for all namespaces, selected by the host name that a client sends in TLS (SNI), as in Azure."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from emulator.authority import Authority
from emulator.mqtt.limits import MAX_CONNECTIONS
from emulator.mqtt.listeners.namespace_endpoint import NamespaceEndpoint
from emulator.mqtt.transport.handshake_failures import HandshakeFailure
from emulator.mqtt.transport.handshakes import Handshakes
from emulator.mqtt.transport.server_context import server_context
from emulator.mqtt.transport.tls import Application, Outbox, TlsTransport

logger = logging.getLogger("emulator.mqtt")


class NameListener:
    """A listener for every namespace. See `emulator.mqtt.transport.tls.Acceptor`."""

    def __init__(self, authority: Authority) -> None:
        self.outbox = Outbox()
        self._handshakes = Handshakes()
        self._authority = authority
        self._server: asyncio.Server | None = None
        self._names: Mapping[str, NamespaceEndpoint] = {}
        self._ambiguous: frozenset[str] = frozenset()
        self._transports: dict[TlsTransport, NamespaceEndpoint | None] = {}
        self._context = server_context(authority.mqtt_certificates_for(()))

    async def listen(self, host: str, port: int) -> int:
        """Open the listener; 0 = any free port. Returns the port. Raises `OSError` when it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: TlsTransport(self._context, self), host, port, backlog=1024)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    def route(self, endpoints: Iterable[NamespaceEndpoint]) -> None:
        """Route to these namespaces from now on; the server certificate has all their names.

        A name that two of them have, such as `NAME.localhost` in two locations, selects neither.
        """
        holders: dict[str, list[NamespaceEndpoint]] = {}
        for endpoint in endpoints:
            for name in dict.fromkeys(endpoint.host_names):
                holders.setdefault(name, []).append(endpoint)
        self._names = {name: held[0] for name, held in holders.items() if len(held) == 1}
        self._warn_of({name: held for name, held in holders.items() if len(held) > 1})
        # A context must not change once it is in use: the next connections get a new one.
        self._context = server_context(self._authority.mqtt_certificates_for(self._names))

    def _warn_of(self, ambiguous: Mapping[str, list[NamespaceEndpoint]]) -> None:
        for name in sorted(ambiguous.keys() - self._ambiguous):
            said = " and ".join(endpoint.namespace_id for endpoint in ambiguous[name])
            logger.warning("the host name %s is ambiguous: it could be %s", name, said)
        self._ambiguous = frozenset(ambiguous)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for transport, endpoint in tuple(self._transports.items()):
            if endpoint is None:
                transport.abort()
        if self._server is not None:
            await self._server.wait_closed()

    # `emulator.mqtt.transport.tls.Acceptor`

    def admit(self, transport: TlsTransport) -> bool:
        if len(self._transports) >= MAX_CONNECTIONS:
            return False
        self._transports[transport] = None
        self._handshakes.begin(transport)
        return True

    def application(self, transport: TlsTransport) -> Application | None:
        self._handshakes.end(transport)
        endpoint = self._endpoint_of(transport)
        if endpoint is None or not endpoint.admit(transport):
            return None
        self._transports[transport] = endpoint
        return endpoint.application(transport)

    def handshake_failed(self, transport: TlsTransport, failure: HandshakeFailure) -> None:
        endpoint = self._endpoint_of(transport)
        if endpoint is not None:
            endpoint.handshake_failed(transport, failure)

    def gone(self, transport: TlsTransport) -> None:
        self._handshakes.end(transport)
        endpoint = self._transports.pop(transport, None)
        if endpoint is not None:
            endpoint.gone(transport)

    def _endpoint_of(self, transport: TlsTransport) -> NamespaceEndpoint | None:
        name = transport.server_name.lower()
        endpoint = self._names.get(name)
        if endpoint is None:
            said = f"the host name “{transport.server_name[:100]}”" if transport.server_name else "no host name (SNI)"
            why = "several namespaces" if name in self._ambiguous else "no namespace here"
            logger.warning("%s connected with %s, which is %s", transport.peer, said, why)
        return endpoint

"""All MQTT listeners: one TLS port for each namespace that has MQTT enabled, following the store, and one by host name."""

import asyncio
import contextlib
import logging
import os
import resource
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from emulator.arm.faults.session_endings import SessionEnding
from emulator.authority import Authority
from emulator.credentials import Credentials
from emulator.fault_rules import WebhookPlan
from emulator.mqtt.limits import MAX_CONNECTIONS
from emulator.mqtt.listeners.by_host_name import NameListener
from emulator.mqtt.listeners.namespace_endpoint import NamespaceEndpoint
from emulator.mqtt.options import MqttOptions
from emulator.mqtt.sessions.live_state import NOTHING, live_state
from emulator.mqtt.webhook.asker import WebhookAsker
from emulator.storage.store import NAMESPACE, Change, Resource, Store, id_key

logger = logging.getLogger("emulator.mqtt")

_SWEEP_SECONDS = 2.0
_OTHER_FILES = 500


class MqttEndpoints:
    """All listeners of the emulator.

    A namespace keeps its port over restarts; a port in use is skipped for the next free one. They listen on `host`;
    `client_host` is the host name that clients are given, `credentials` check the tokens of HTTP requests, and `webhooks` asks those
    that decide CONNECTs. `report` is called with the endpoints when they have changed.
    """

    def __init__(
        self,
        store: Store,
        authority: Authority,
        host: str,
        options: MqttOptions,
        *,
        client_host: str = "",
        credentials: Credentials | None = None,
        webhooks: WebhookAsker | None = None,
        report: Callable[[Mapping[str, tuple[str, int]]], None] = lambda _: None,
    ) -> None:
        self._report = report
        self._store = store
        self._authority = authority
        self._host = host
        self._client_host = client_host or host
        self._options = options
        self._credentials = credentials
        self._webhooks = webhooks
        self._endpoints: dict[str, NamespaceEndpoint] = {}
        self._by_key: dict[str, NamespaceEndpoint] = {}
        self._closed: list[NamespaceEndpoint] = []  # those whose last connections are still closing
        self._ports: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changes: deque[tuple[NamespaceEndpoint | None, Change]] = deque()
        self._is_due = False  # `_pass_on` is scheduled
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._outages: tuple[str, ...] = ()
        self._by_name: NameListener | None = None
        self._by_name_port = 0
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def endpoints(self) -> dict[str, tuple[str, int]]:
        """Host and port for clients by canonical namespace id, of those that listen now."""
        return {n: (self._client_host, port) for n, port in self._ports.items() if not self._endpoints[n].is_over}

    @property
    def by_name(self) -> tuple[str, int] | None:
        """Host and port for clients of the port for all namespaces, if it is enabled."""
        return (self._client_host, self._by_name_port) if self._by_name is not None else None

    def live_state(self, namespace_id: str, owner: str) -> Mapping[str, Any]:
        """Return the live state of a client by the key of its authentication name; empty while its namespace has no MQTT."""
        endpoint = self._by_key.get(id_key(namespace_id))
        if endpoint is None or endpoint.is_over:
            return NOTHING
        return live_state(endpoint.broker, endpoint.authorization, owner, wall_offset=endpoint.wall_offset)

    def connected_clients(self, namespace_id: str) -> int:
        """Return the number of clients that are connected to a namespace now; 0 while it has no MQTT."""
        endpoint = self._by_key.get(id_key(namespace_id))
        return 0 if endpoint is None or endpoint.is_over else endpoint.broker.connected_clients()

    def set_outages(self, patterns: Sequence[str]) -> None:
        """Take no connections to namespaces whose ids match one of these patterns, and cut those there are."""
        self._outages = tuple(pattern.casefold() for pattern in patterns)
        for endpoint in self._endpoints.values():
            endpoint.set_down(self._is_down(endpoint.namespace_id))

    def end_sessions(self, ending: SessionEnding) -> int:
        """End sessions that are connected, and return their number."""
        endpoint = self._by_key.get(id_key(ending.namespace_id))
        return 0 if endpoint is None else endpoint.end_sessions(ending)

    def set_webhook_faults(self, plan_of: Callable[[str], WebhookPlan]) -> None:
        """Ask for the faults of each question to a webhook, by the id of its namespace."""
        if self._webhooks is not None:
            self._webhooks.plan_of = plan_of

    def _is_down(self, namespace_id: str) -> bool:
        return any(fnmatchcase(id_key(namespace_id), pattern) for pattern in self._outages)

    async def start(self) -> None:
        """Listen for every namespace that has MQTT enabled, and follow the store from now on.

        Raises `OSError` with a sentence when a port is taken.
        """
        self._loop = asyncio.get_running_loop()
        _allow_open_files(MAX_CONNECTIONS + _OTHER_FILES)
        if self._options.sni_port is not None:
            self._by_name = NameListener(self._authority)
            self._by_name_port = await self._listen_by_name(self._by_name, self._options.sni_port)
            logger.info("MQTT of every namespace by its host name at %s:%s", self._host, self._by_name_port)
        self._unsubscribe = self._store.subscribe(self._on_change)
        await self._follow()
        self._tasks = [
            asyncio.create_task(self._follow_changes(), name="mqtt endpoints"),
            asyncio.create_task(self._sweep(), name="mqtt sweep"),
        ]

    async def _listen_by_name(self, listener: NameListener, port: int) -> int:
        try:
            return await listener.listen(self._host, port)
        except OSError as error:
            raise OSError(
                f"Cannot listen on {self._host} port {port}: {os.strerror(error.errno or 0)}."
                " Give --mqtt-sni-port another number, or 0 for a free one."
            ) from error

    async def stop(self) -> None:
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for namespace_id in tuple(self._endpoints):
            self._close(namespace_id, "The endpoint is shutting down.", "endpoint-stopped")
        await asyncio.gather(*(endpoint.wait_closed() for endpoint in self._closed))
        if self._by_name is not None:
            await self._by_name.close()
        if self._webhooks is not None:
            self._webhooks.stop()
        self._store.write_connections()

    def _on_change(self, change: Change) -> None:
        """Queue a change. Runs in the thread that wrote, with the store's lock held.

        The loop is woken once for many changes: each wake-up is a byte in asyncio's own pipe, and a full pipe loses
        signals.
        """
        if self._loop is None:
            return
        endpoint = self._by_key.get(id_key(change.namespace_id))
        if endpoint is not None:
            endpoint.forget()
            endpoint.is_over |= change.kind == "deleted" and change.resource.type == NAMESPACE
        self._changes.append((endpoint, change))
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        self._is_due = False  # first, so that later changes schedule it again
        while self._changes:
            endpoint, change = self._changes.popleft()
            if change.resource.type == NAMESPACE and change.kind != "judged":
                self._wake.set()
            elif endpoint is not None:
                try:
                    endpoint.revocation.changed(change)
                except Exception:  # an error in one namespace must not stop the others
                    logger.exception("could not apply the change of %s", change.resource.id)

    async def _follow_changes(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._follow()
            except OSError:
                logger.exception("a namespace has no MQTT endpoint")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            for endpoint in tuple(self._endpoints.values()):
                try:
                    endpoint.sweep(now)
                except Exception:  # an error in one namespace must not stop the others
                    logger.exception("could not sweep %s", endpoint.namespace_id)

    async def _follow(self) -> None:
        wanted = {n.id: n for n in self._store.namespaces() if n.mqtt_is_enabled}
        for namespace_id, endpoint in tuple(self._endpoints.items()):
            if endpoint.is_over:  # even if a namespace of the same name exists again
                self._close(namespace_id, "The namespace was deleted.", "namespace-deleted")
            elif namespace_id not in wanted:
                self._close(namespace_id, "MQTT was disabled for this namespace.", "mqtt-disabled")
        for namespace_id, namespace in wanted.items():
            if namespace_id in self._endpoints:
                self._endpoints[namespace_id].configure(namespace)
            else:
                await self._open(namespace)
        if self._by_name is not None:
            self._by_name.route(self._endpoints.values())
        self._report(self.endpoints)

    async def _open(self, namespace: Resource) -> None:
        endpoint = NamespaceEndpoint(namespace, self._store, self._options, self._credentials, self._webhooks)
        endpoint.set_down(self._is_down(namespace.id))
        remembered = self._store.mqtt_port(namespace.id)
        wanted = remembered or (self._options.port_base and self._options.port_base + len(self._ports))
        self._by_key[id_key(namespace.id)] = endpoint  # so that it gets changes while its port is being opened
        try:
            port = await endpoint.listen(self._authority, self._host, wanted or 0, exact=remembered is not None)
        except OSError:
            del self._by_key[id_key(namespace.id)]
            raise
        self._endpoints[namespace.id] = endpoint
        self._ports[namespace.id] = port
        if port != remembered:
            self._store.remember_mqtt_port(namespace.id, port)
        logger.info("MQTT of %s at %s:%s", namespace.id, self._host, port)

    def _close(self, namespace_id: str, sentence: str, code: str) -> None:
        endpoint = self._endpoints.pop(namespace_id)
        del self._by_key[id_key(namespace_id)]
        del self._ports[namespace_id]
        endpoint.close(sentence, code)
        self._closed = [each for each in (*self._closed, endpoint) if each.has_connections]


def _allow_open_files(wanted: int) -> None:
    """Raise the limit of open files: each connection is one, and shells often allow only 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))

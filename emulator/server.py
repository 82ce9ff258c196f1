"""Starting and ending the emulator: state folder, endpoints, ready file, signals."""

import asyncio
import fcntl
import importlib.util
import json
import logging
import os
import signal
import socket
import sqlite3
import ssl
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from aiohttp import web

from emulator.arm.application import ArmService
from emulator.arm.subscriptions import make_subscription
from emulator.arm.throttle import Throttle
from emulator.arm.types import Limits
from emulator.authority import Authority, write_private
from emulator.credentials import Credentials
from emulator.store import Store

GRACE = 1.0  # seconds that open requests have to finish
FEDERATED_TOKEN = "federated-token"  # noqa: S105  a name: the file that a platform would give to a workload
logger = logging.getLogger("emulator")


class StartError(Exception):
    """The emulator cannot start; the text says why and what to do."""


class Endpoints(Protocol):
    """What runs the MQTT side: a listener for each namespace that has MQTT enabled."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    @property
    def endpoints(self) -> Mapping[str, tuple[str, int]]: ...

    @property
    def by_name(self) -> tuple[str, int] | None: ...


def claim_state(folder: Path) -> IO[str]:
    """Make the state folder ours alone. The lock lasts as long as the answer is open. Raises `StartError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "emulator.lock").open("w")
    except OSError as error:
        raise StartError(f"The state folder {folder} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StartError(
            f"Another emulator runs on the state folder {folder}. Stop it, or give --state another folder."
        ) from error
    return lock


def open_store(folder: Path, *, in_memory: bool, subscription: str) -> Store:
    """The store of this state folder, with its first subscription in it. Raises `StartError`."""
    path = folder / "emulator.sqlite3"
    try:
        store = Store(None if in_memory else path)
        first = make_subscription(subscription, "Emulator")
        if store.get(first.id) is None:
            store.put(first)
    except sqlite3.DatabaseError as error:
        raise StartError(f"{path} cannot be used: {error}. Move it away to start with nothing.") from error
    return store


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises `StartError` when the port is taken or the host unknown."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        raise StartError(
            f"Cannot listen on {host} port {port}: {error.strerror}. Give --port another number, or 0 for a free one."
        ) from error
    return listener


def server_context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(authority.certificate_path, authority.key_path)
    return context


def make_mqtt_endpoints(store: Store, authority: Authority, options: Namespace) -> Endpoints | None:
    """The MQTT side, where it is installed."""
    if importlib.util.find_spec("emulator.mqtt") is None or importlib.util.find_spec("emulator.mqtt.endpoint") is None:
        return None
    endpoint = importlib.import_module("emulator.mqtt.endpoint")
    chosen = importlib.import_module("emulator.mqtt.options").mqtt_options(options)
    made: Endpoints = endpoint.MqttEndpoints(store, authority, options.host, chosen)
    return made


async def run(options: Namespace) -> None:
    """Serve until SIGINT, SIGTERM or, with `--parent-fd`, until the parent is gone. Raises `StartError`."""
    folder: Path = options.state
    _remove(options.ready_file)  # left by one that was killed
    with claim_state(folder):
        authority = Authority(folder)
        credentials = Credentials.load(folder)
        write_private(folder / FEDERATED_TOKEN, credentials.federated_token.encode())
        store = open_store(folder, in_memory=options.in_memory, subscription=credentials.subscription)
        try:
            await _serve(options, authority, credentials, store)
        finally:
            store.close()


async def _serve(options: Namespace, authority: Authority, credentials: Credentials, store: Store) -> None:
    ended = asyncio.Event()
    _end_on_signals(ended)
    if options.parent_fd:
        _end_with_parent(int(options.parent_fd), ended)
    mqtt = make_mqtt_endpoints(store, authority, options)
    service = ArmService(
        store,
        credentials,
        limits=Limits(options.ca_certificate_limit, options.client_limit),
        throttle=Throttle(enforced=options.throttle),
        mqtt_endpoints=lambda: mqtt.endpoints if mqtt else {},
        mqtt_ca=str(authority.ca_path),
        faults=options.fault,
    )
    runner = web.AppRunner(service.application(), access_log=None, handle_signals=False, shutdown_timeout=GRACE)
    await runner.setup()
    ready_file: Path | None = options.ready_file
    try:
        listener = listen(options.host, options.port)
        await web.SockSite(runner, listener, ssl_context=server_context(authority)).start()
        if mqtt is not None:
            await mqtt.start()
        url = _url(options.host, listener.getsockname()[1])
        if ready_file is not None:
            _write_ready_file(ready_file, url, authority, credentials, mqtt.by_name if mqtt else None)
        logger.info("ready: ARM at %s, trust %s", url, authority.ca_path)
        await ended.wait()
    finally:
        _remove(ready_file)
        if mqtt is not None:
            await mqtt.stop()
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104  not bound here: every address, so the local one will do
        host = "localhost"
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _write_ready_file(
    path: Path, url: str, authority: Authority, credentials: Credentials, by_name: tuple[str, int] | None
) -> None:
    content: dict[str, Any] = {
        "arm": url,
        "arm_ca": str(authority.ca_path),
        "tenant": credentials.tenant,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "subscription": credentials.subscription,
        "identity_endpoint": f"{url}/msi/token",
        "identity_header": credentials.identity_header,
        "federated_token_file": str(authority.ca_path.parent / FEDERATED_TOKEN),
        "pid": os.getpid(),
    }
    if by_name is not None:  # one MQTT port for all namespaces, told apart by host name
        content["mqtt_by_name"] = {"host": by_name[0], "port": by_name[1]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, json.dumps(content, indent=2).encode())
    except OSError as error:
        raise StartError(f"The ready file {path} cannot be written: {error.strerror}.") from error


def _remove(ready_file: Path | None) -> None:
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _end_on_signals(ended: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)


def _end_with_parent(descriptor: int, ended: asyncio.Event) -> None:
    """A pipe that only the parent holds open: its end is the parent's end, even by SIGKILL."""
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if not os.read(descriptor, 1024):
            loop.remove_reader(descriptor)
            ended.set()

    try:
        loop.add_reader(descriptor, readable)
    except (OSError, ValueError) as error:
        raise StartError(f"--parent-fd {descriptor} is not an open pipe.") from error

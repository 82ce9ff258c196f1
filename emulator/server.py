"""Starting and ending the emulator: state folder, endpoints, ready file, signals."""

import asyncio
import contextlib
import fcntl
import gc
import importlib.util
import ipaddress
import json
import logging
import os
import signal
import socket
import sqlite3
import ssl
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from aiohttp import web

from emulator.arm.application import ArmService
from emulator.arm.requests.throttle import Throttle
from emulator.arm.resource_types.child_type import Limits
from emulator.arm.seed import read_seed
from emulator.arm.subscriptions import make_subscription
from emulator.authority import Authority, write_private
from emulator.credentials import Credentials
from emulator.ready import FEDERATED_TOKEN, environment_lines, host_told, ready_content, url_of, write_for_others
from emulator.storage.store import Store

GRACE = 1.0  # seconds that open requests have to finish
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

    def live_state(self, namespace_id: str, owner: str) -> Mapping[str, Any]: ...


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
    if (
        importlib.util.find_spec("emulator.mqtt") is None
        or importlib.util.find_spec("emulator.mqtt.listeners.endpoint") is None
    ):
        return None
    endpoint = importlib.import_module("emulator.mqtt.listeners.endpoint")
    chosen = importlib.import_module("emulator.mqtt.options").mqtt_options(options)
    told = host_told(options.host, options.host_name)
    made: Endpoints = endpoint.MqttEndpoints(store, authority, options.host, chosen, told=told)
    return made


async def start_mqtt(endpoints: Endpoints) -> None:
    """Raises `StartError` when a port is taken."""
    try:
        await endpoints.start()
    except OSError as error:
        raise StartError(str(error)) from error


async def run(options: Namespace) -> None:
    """Serve until SIGINT, SIGTERM or, with `--parent-fd`, until the parent is gone. Raises `StartError`."""
    for path in (options.ready_file, options.env_file):
        _remove(path)  # left by one that was killed
    with contextlib.ExitStack() as stack:
        if options.state is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emulator-")))
        else:
            folder = options.state
        stack.enter_context(claim_state(folder))
        authority = Authority(folder)
        chosen = {name: getattr(options, name) for name in ("subscription", "tenant", "client_id", "client_secret")}
        credentials = Credentials.load(folder, **chosen)
        write_private(folder / FEDERATED_TOKEN, credentials.federated_token.encode())
        store = open_store(folder, in_memory=options.in_memory, subscription=credentials.subscription)
        stack.callback(store.close)
        await _serve(options, authority, credentials, store)


async def _serve(options: Namespace, authority: Authority, credentials: Credentials, store: Store) -> None:
    ended = asyncio.Event()
    _end_on_signals(ended)
    if options.parent_fd:
        _end_with_parent(int(options.parent_fd), ended)
    try:
        authority.certificate_for(options.host_name)
    except ValueError as error:
        raise StartError(f"--host-name: {error}") from error
    mqtt = make_mqtt_endpoints(store, authority, options)
    service = ArmService(
        store,
        credentials,
        limits=Limits(options.ca_certificate_limit, options.client_limit),
        throttle=Throttle(enforced=options.throttle),
        mqtt_endpoints=lambda: mqtt.endpoints if mqtt else {},
        mqtt_ca=str(authority.ca_path),
        live_state=lambda namespace_id, owner: mqtt.live_state(namespace_id, owner) if mqtt else {},
        faults=options.fault,
        seed=read_seed(options.seed) if options.seed else (),
    )
    service.plant()
    runner = web.AppRunner(
        service.application(), access_log=None, handle_signals=False, auto_decompress=False, shutdown_timeout=GRACE
    )
    await runner.setup()
    try:
        listener = listen(options.host, options.port)
        if mqtt is not None:
            await start_mqtt(mqtt)
        # Last, so that an answer of /healthz means that everything listens.
        await web.SockSite(runner, listener, ssl_context=server_context(authority)).start()
        url = url_of(host_told(options.host, options.host_name), listener.getsockname()[1])
        _warn_of_strangers(options.host)
        _tell(options, url, authority, credentials, mqtt.by_name if mqtt else None)
        gc.freeze()  # what has been loaded stays: the garbage collector need not look at it again and again
        logger.info("ready: ARM at %s, subscription %s, trust %s", url, credentials.subscription, authority.ca_path)
        await ended.wait()
    finally:
        for path in (options.ready_file, options.env_file):
            _remove(path)
        if mqtt is not None:
            await mqtt.stop()
        await runner.cleanup()


def _warn_of_strangers(host: str) -> None:
    """Say loudly, whatever the log level, that others can reach an endpoint that is meant for one machine."""
    try:
        addresses = {found[4][0] for found in socket.getaddrinfo(host, None)}
        if all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in addresses):
            return
    except (OSError, ValueError):
        pass
    lines = (
        "*" * 78,
        f"LISTENING ON {host}: EVERY MACHINE THAT REACHES THIS ADDRESS CAN CONNECT.",
        "This is an emulator for development and tests. Whoever has its credentials can change",
        "everything in it, and nothing limits how often somebody tries. Use --host 127.0.0.1.",
        "*" * 78,
    )
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def _tell(
    options: Namespace, url: str, authority: Authority, credentials: Credentials, by_name: tuple[str, int] | None
) -> None:
    files: list[tuple[Path | None, str]] = [
        (options.env_file, environment_lines(url, authority, credentials)),
        (options.ready_file, json.dumps(ready_content(url, authority, credentials, by_name), indent=2)),
    ]
    for path, content in files:
        if path is not None:
            try:
                write_for_others(path, content.encode())
            except OSError as error:
                raise StartError(f"The file {path} cannot be written: {error.strerror}.") from error


def _remove(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)


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

"""Start and stop the emulator: state folder, endpoints, ready file, signals."""

import asyncio
import contextlib
import fcntl
import gc
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
from functools import partial
from pathlib import Path
from typing import IO, Any

from aiohttp import web

from emulator.arm.application import ArmService
from emulator.arm.limits import MAX_HEADERS, MAX_LINE_BYTES, ArmLimits, arm_limits
from emulator.arm.listener import ArmListener, http_logger
from emulator.arm.requests.throttle import Throttle
from emulator.arm.resource_types.child_type import Limits
from emulator.arm.seed import read_seed
from emulator.arm.subscriptions import make_subscription
from emulator.authority import Authority, write_private
from emulator.credentials import Credentials
from emulator.events.publisher import LifeCycleEvents
from emulator.mqtt.listeners.endpoints import MqttEndpoints
from emulator.mqtt.options import mqtt_options
from emulator.mqtt.webhook.asker import WebhookAsker
from emulator.mqtt.webhook.settings import WebhookOptions
from emulator.ready_file import (
    FEDERATED_TOKEN,
    advertised_host,
    env_file_lines,
    mqtt_content,
    ready_content,
    url_of,
    write_private_file,
)
from emulator.storage.store import Store
from emulator.token_issuer import TokenIssuer

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  compared, not bound
GRACE = 1.0  # seconds for open requests to finish
WARNING = """\
******************************************************************************
LISTENING ON {host}: EVERY MACHINE THAT REACHES THIS ADDRESS CAN CONNECT.
This is an emulator for development and tests. Anyone with its credentials can
change everything in it, and sign-in attempts are not limited.
Use --host 127.0.0.1.
******************************************************************************
"""
logger = logging.getLogger("emulator")


class StartError(Exception):
    """The emulator cannot start. The message says why and what to do."""


def lock_state_folder(folder: Path) -> IO[str]:
    """Create the state folder and lock it until the returned file is closed. Raise `StartError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "emulator.lock").open("w")
    except OSError as error:
        raise StartError(f"Cannot use the state folder {folder}: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StartError(
            f"Another emulator uses the state folder {folder}. Stop it, or give --state another folder."
        ) from error
    return lock


def open_store(folder: Path, *, in_memory: bool, subscription: str) -> Store:
    """Open the store of a state folder and create its first subscription. Raise `StartError`."""
    path = folder / "emulator.sqlite3"
    try:
        store = Store(None if in_memory else path)
        first = make_subscription(subscription, "Emulator")
        if store.get(first.id) is None:
            store.put(first)
    except sqlite3.DatabaseError as error:
        raise StartError(f"Cannot use {path}: {error}. Move the file away to start with an empty store.") from error
    return store


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket. Raise `StartError` if the port is in use or the host unknown."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        raise StartError(
            f"Cannot listen on {host} port {port}: {error.strerror}. Give --port another number, or 0 for any free port."
        ) from error
    return listener


def server_context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(authority.certificate_path, authority.key_path)
    return context


async def start_mqtt(endpoints: MqttEndpoints) -> None:
    """Start all MQTT listeners. Raise `StartError` if a port is in use."""
    try:
        await endpoints.start()
    except OSError as error:
        raise StartError(str(error)) from error


async def run(options: Namespace) -> None:
    """Serve until SIGINT, SIGTERM or, with `--parent-fd`, the end of the parent process.

    `options` come from `emulator.options.parse_arguments`. Raise `StartError`, `AuthorityError` or `SeedError`.
    """
    _remove_files(options)  # left behind by an emulator that was killed
    with contextlib.ExitStack() as stack:
        if options.state is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emulator-")))
        else:
            folder = options.state
        stack.enter_context(lock_state_folder(folder))
        authority = Authority(folder)
        chosen = {name: getattr(options, name) for name in ("subscription", "tenant", "client_id", "client_secret")}
        credentials = Credentials.load(folder, **chosen)
        write_private(folder / FEDERATED_TOKEN, credentials.federated_token.encode())
        store = open_store(folder, in_memory=options.in_memory, subscription=credentials.subscription)
        stack.callback(store.close)
        await _serve(options, authority, credentials, store)


async def _serve(options: Namespace, authority: Authority, credentials: Credentials, store: Store) -> None:
    stopped = asyncio.Event()
    _stop_on_signals(stopped)
    if options.parent_fd:
        _stop_with_parent(int(options.parent_fd), stopped)
    _name_hosts(options, authority)
    host = advertised_host(options.host, options.host_name)
    tokens = TokenIssuer(authority.ca_path.parent, credentials.tenant)
    mqtt = _make_mqtt(options, authority, credentials, store, tokens)
    events = LifeCycleEvents(store, options.events)
    service = _make_service(options, authority, credentials, store, mqtt, events, tokens)
    events.start()
    service.apply_seed()
    limits = arm_limits(options)
    arm = ArmListener(server_context(authority), limits)
    runner = _http_runner(arm.application(service.application()), limits)
    await runner.setup()
    try:
        listener = listen(options.host, options.port)
        url = tokens.base = url_of(host, listener.getsockname()[1])
        await start_mqtt(mqtt)
        # Last, so that a response of /healthz means that all endpoints listen.
        assert runner.server is not None
        await arm.start(listener, runner.server)
        _report_ready(options, url, authority, credentials, mqtt.by_name)
        gc.freeze()  # the loaded modules stay: keep the garbage collector from scanning them
        await stopped.wait()
    finally:
        _remove_files(options)
        arm.stop()
        await mqtt.stop()
        await runner.cleanup()
        events.stop()


def _make_mqtt(
    options: Namespace, authority: Authority, credentials: Credentials, store: Store, tokens: TokenIssuer
) -> MqttEndpoints:
    events = options.events
    webhooks = WebhookOptions(events.allowed, events.ca, options.webhook_order, options.webhook_seconds)
    return MqttEndpoints(
        store,
        authority,
        options.host if options.host in EVERY_ADDRESS else options.mqtt_host or options.host,
        mqtt_options(options),
        client_host=options.mqtt_host or advertised_host(options.host, options.host_name),
        credentials=credentials,
        webhooks=WebhookAsker(webhooks, tokens),
        report=partial(_write_endpoints, options, str(authority.ca_path)),
    )


def _name_hosts(options: Namespace, authority: Authority) -> None:
    """Put the host names of the options into the certificates. Raise `StartError`."""
    try:
        authority.certificate_for(options.host_name)
        authority.mqtt_certificates_for(filter(None, (*options.host_name, options.mqtt_host)))
    except ValueError as error:
        raise StartError(f"--host-name, --mqtt-host: {error}") from error


def _report_ready(
    options: Namespace, url: str, authority: Authority, credentials: Credentials, by_name: tuple[str, int] | None
) -> None:
    """Write the files that say that everything listens, and log it."""
    _warn_if_reachable(options.host)
    azure = options.azure.name
    content = ready_content(url, authority, credentials, by_name, azure_profile=azure)
    _write_files(options, env_file_lines(url, authority, credentials), content)
    subscription, trust = credentials.subscription, authority.ca_path
    logger.info("ready: ARM at %s, as Azure %s, subscription %s, trust %s", url, azure, subscription, trust)


def _http_runner(application: web.Application, limits: ArmLimits) -> web.AppRunner:
    return web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        auto_decompress=False,
        shutdown_timeout=GRACE,
        keepalive_timeout=limits.idle_seconds,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
        max_headers=MAX_HEADERS,
        logger=http_logger(),
    )


def _make_service(
    options: Namespace,
    authority: Authority,
    credentials: Credentials,
    store: Store,
    mqtt: MqttEndpoints,
    events: LifeCycleEvents,
    tokens: TokenIssuer,
) -> ArmService:
    return ArmService(
        store,
        credentials,
        limits=Limits(options.ca_certificate_limit, options.client_limit),
        throttle=Throttle(enforced=options.throttle),
        mqtt_endpoints=lambda: mqtt.endpoints,
        mqtt_ca=str(authority.ca_path),
        mqtt=mqtt,
        faults=options.fault,
        bounds=arm_limits(options),
        seed=read_seed(options.seed) if options.seed else (),
        azure=options.azure,
        events=events,
        tokens=tokens,
        webhook_order=options.webhook_order,
    )


def _warn_if_reachable(host: str) -> None:
    """Warn, whatever the log level, if other machines can reach an endpoint that is meant for this one."""
    try:
        addresses = {found[4][0] for found in socket.getaddrinfo(host, None)}
        if all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in addresses):
            return
    except (OSError, ValueError):
        pass
    sys.stderr.write(WARNING.format(host=host))
    sys.stderr.flush()


def _write_files(options: Namespace, variables: str, content: dict[str, Any]) -> None:
    files: list[tuple[Path | None, str]] = [
        (options.env_file, variables),
        (options.ready_file, json.dumps(content, indent=2)),
    ]
    for path, text in files:
        if path is not None:
            try:
                write_private_file(path, text.encode())
            except OSError as error:
                raise StartError(f"Cannot write {path}: {error.strerror}.") from error


def _write_endpoints(options: Namespace, ca: str, endpoints: Mapping[str, tuple[str, int]]) -> None:
    if options.endpoints_file is not None:
        try:
            options.endpoints_file.parent.mkdir(parents=True, exist_ok=True)
            write_private(options.endpoints_file, json.dumps(mqtt_content(endpoints, ca), indent=2).encode(), 0o644)
        except OSError as error:
            logger.error("cannot write %s: %s", options.endpoints_file, error.strerror)


def _remove_files(options: Namespace) -> None:
    for path in (options.ready_file, options.env_file, options.endpoints_file):
        if path is not None:
            path.unlink(missing_ok=True)


def _stop_on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)


def _stop_with_parent(descriptor: int, stopped: asyncio.Event) -> None:
    """Stop when a pipe that only the parent holds open is closed: the parent has ended, even by SIGKILL."""
    loop = asyncio.get_running_loop()

    def on_readable() -> None:
        if not os.read(descriptor, 1024):
            loop.remove_reader(descriptor)
            stopped.set()

    try:
        loop.add_reader(descriptor, on_readable)
    except (OSError, ValueError) as error:
        raise StartError(f"--parent-fd {descriptor} is not an open pipe.") from error

"""A webhook: a real HTTP or HTTPS server whose answers a test chooses by path."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ORIGIN = "eventgrid.azure.net"
Answer = tuple[int, Mapping[str, str], bytes]
GRANT: Answer = (200, {"WebHook-Allowed-Origin": ORIGIN, "WebHook-Allowed-Rate": "*"}, b"")
ACCEPT: Answer = (204, {}, b"")
NOT_FOUND: Answer = (404, {}, b"")


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Hook:
    """One path of the server: what came, and how it answers."""

    url: str
    on_options: Callable[[Seen], Answer] = lambda seen: GRANT
    on_post: Callable[[Seen], Answer] = lambda seen: ACCEPT
    seen: list[Seen] = field(default_factory=list)

    @property
    def posts(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == "POST"]

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """The CloudEvents that were posted, each once, of a type such as "SessionConnected"."""
        found = {seen.json["id"]: seen.json for seen in self.posts}
        return [event for event in found.values() if kind in event["type"]]


class WebhookServer(ThreadingHTTPServer):
    """Listens on loopback. `hook(path)` gives a path of the server to a test."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hooks: dict[str, Hook] = {}
        self.unexpected: list[str] = []
        self.context = context
        scheme = "https" if context is not None else "http"
        self.root = f"{scheme}://localhost:{self.server_address[1]}"

    def get_request(self) -> Any:
        connection, address = super().get_request()
        if self.context is None:
            return connection, address
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that the emulator cuts is no error of the server."""

    def hook(self, path: str) -> Hook:
        made = self.hooks[path] = Hook(f"{self.root}{path}")
        return made


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebhookServer

    def _respond(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, self.rfile.read(size))
        hook = self.server.hooks.get(self.path.partition("?")[0])
        if hook is None:
            self.server.unexpected.append(self.path)
            status, given, body = NOT_FOUND
        else:
            hook.seen.append(seen)
            status, given, body = (hook.on_options if self.command == "OPTIONS" else hook.on_post)(seen)
        self.send_response(status)
        for name, value in given.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_OPTIONS = do_POST = do_GET = _respond  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests look at what was seen."""


@contextmanager
def webhook_server(context: ssl.SSLContext | None = None) -> Iterator[WebhookServer]:
    server = WebhookServer(context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()

"""A real HTTPS server in a thread that receives webhooks and answers as a test asks."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from emulator.authority import Authority
from tests.support.azure.emulator_keys import put_keys


class Receiver:
    """What arrived, and how to answer: a status, headers, nothing while `holds` is set, or an end of the connection."""

    def __init__(self, ca: Path) -> None:
        self.ca = ca
        self.port = 0
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.headers: dict[str, str] = {}
        self.drops = False
        self.drips = False
        self.holds = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/portal"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@contextmanager
def receiver(settings: Any, folder: Path) -> Iterator[Receiver]:
    """Start a server, and let the portal trust its certificate and send to its host."""
    put_keys(folder)
    authority = Authority(folder)
    started = Receiver(authority.ca_path)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            started.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if started.drops:
                self.close_connection = True
                return
            if started.drips:
                drip(self.wfile)
                return
            if started.holds.is_set():
                started.released.wait(20)
            self.send_response(started.status)
            for name, value in {"Content-Length": "0", **started.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    def drip(stream: Any) -> None:
        """Send a header that never ends, so that each byte comes in time and the answer never does."""
        stream.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not started.released.wait(0.05):
            stream.write(b"x")
            stream.flush()

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing about clients that end the connection, as some tests want it."""

    server = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_for(["localhost"]), authority.key_path)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    started.port = server.server_address[1]
    settings.WEBHOOK_HOSTS, settings.WEBHOOK_CA = ["localhost"], str(authority.ca_path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield started
    finally:
        started.released.set()
        server.shutdown()
        server.server_close()
        thread.join(20)

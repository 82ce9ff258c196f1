"""A reverse proxy with TLS on another loopback address, as a small stand-in for nginx: one request for each connection."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from emulator.authority import Authority
from tests.support.azure.emulator_keys import put_keys

HOST = "127.0.0.2"  # for the portal another machine than 127.0.0.1
DROPPED = ("connection", "forwarded", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-for", "x-forwarded-port")
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Message:
    """A request or a response: its first line, its header fields and its body."""

    start: str
    fields: list[tuple[str, str]]
    body: bytes

    @classmethod
    def read(cls, data: bytes) -> "Message":
        head, _, body = data.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        return cls(start, [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)], body)

    def header(self, name: str) -> str:
        return next((value for each, value in self.fields if each.lower() == name.lower()), "")

    def set_header(self, name: str, value: str) -> None:
        self.fields = [(each, held) for each, held in self.fields if each.lower() != name.lower()] + [(name, value)]

    def encoded(self) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.fields), "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body


class Tampering:
    """What a proxy changes on the way: nothing, unless a subclass does. `path` is that of the request."""

    def request(self, path: str, message: Message) -> None:
        """Change a request before it is passed on."""

    def response(self, path: str, message: Message) -> None:
        """Change a response before it is passed on."""

    def is_away(self, path: str) -> bool:
        """Return whether to close the connection without an answer."""
        return False


@dataclass
class Tamperer:
    """Who tampers now. A test may replace it while the proxy runs."""

    now: Tampering = field(default_factory=Tampering)


@dataclass(frozen=True)
class TLSProxy:
    """Where the proxy listens. `ca`: PEM file of the authority of its certificate."""

    url: str
    ca: Path
    authority: Authority


@contextlib.contextmanager
def tls_proxy_to(port: int, folder: Path, tamperer: Tamperer | None = None) -> Iterator[TLSProxy]:
    """Run a proxy to a port of 127.0.0.1 for the block. Its connections come from HOST."""
    folder.mkdir(parents=True, exist_ok=True)
    put_keys(folder)
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_for([HOST]), authority.key_path)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(_Forwarding(port, tamperer).handle, HOST, 0, ssl=context)

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(timeout=60)
    try:
        listening = server.sockets[0].getsockname()[1]
        yield TLSProxy(f"https://{HOST}:{listening}", authority.ca_path, authority)
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Forwarding:
    def __init__(self, port: int, tamperer: Tamperer | None) -> None:
        self._port = port
        self._tamperer = tamperer
        self._running: set[asyncio.Task[None] | None] = set()  # asyncio itself forgets a task whose client has left

    async def handle(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._running.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
                await self._forward(client, answer)
        finally:
            self._running.discard(task)
            answer.close()

    async def _forward(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        head = (await client.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        fields = [line.partition(":") for line in head[1:]]
        sent = {name.lower(): value.strip() for name, _, value in fields}
        body = await client.readexactly(int(sent.get("content-length", "0")))
        kept = [f"{name}:{value}" for name, _, value in fields if name.lower() not in DROPPED]
        added = [
            "X-Forwarded-Proto: https",
            f"X-Forwarded-Host: {sent.get('host', '')}",
            f"X-Forwarded-For: {answer.get_extra_info('peername')[0]}",
            "Connection: close",
        ]
        asked = "\r\n".join([head[0], *kept, *added, "", ""]).encode("latin-1") + body
        if self._tamperer is not None:
            await self._tamper(self._tamperer.now, asked, answer)
            return
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(HOST, 0))
        except OSError:
            answer.write(BAD_GATEWAY)
            await answer.drain()
            return
        try:
            forth.write(asked)
            await forth.drain()
            while data := await back.read(65_536):
                answer.write(data)
                await answer.drain()
        finally:
            forth.close()

    async def _tamper(self, tampering: Tampering, asked: bytes, answer: asyncio.StreamWriter) -> None:
        request = Message.read(asked)
        path = request.start.split(" ")[1].partition("?")[0]
        if tampering.is_away(path):
            return
        tampering.request(path, request)
        if request.body:
            request.set_header("Content-Length", str(len(request.body)))
        back, forth = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(HOST, 0))
        try:
            forth.write(request.encoded())
            await forth.drain()
            response = Message.read(await back.read(-1))
        finally:
            forth.close()
        tampering.response(path, response)
        response.set_header("Content-Length", str(len(response.body)))
        answer.write(response.encoded())
        await answer.drain()

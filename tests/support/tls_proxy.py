"""A reverse proxy with TLS on another loopback address, as a small stand-in for nginx: one request for each connection."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emulator.authority import Authority
from tests.support.emulator_keys import put_keys

HOST = "127.0.0.2"  # for the portal another machine than 127.0.0.1
DROPPED = ("connection", "forwarded", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-for", "x-forwarded-port")
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class TLSProxy:
    """Where the proxy listens. `ca`: PEM file of the authority of its certificate."""

    url: str
    ca: Path
    authority: Authority


@contextlib.contextmanager
def tls_proxy_to(port: int, folder: Path) -> Iterator[TLSProxy]:
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
        return await asyncio.start_server(_Forwarding(port).handle, HOST, 0, ssl=context)

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(timeout=20)
    try:
        listening = server.sockets[0].getsockname()[1]
        yield TLSProxy(f"https://{HOST}:{listening}", authority.ca_path, authority)
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(timeout=20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=20)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Forwarding:
    def __init__(self, port: int) -> None:
        self._port = port
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
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(HOST, 0))
        except OSError:
            answer.write(BAD_GATEWAY)
            await answer.drain()
            return
        try:
            forth.write("\r\n".join([head[0], *kept, *added, "", ""]).encode("latin-1") + body)
            await forth.drain()
            while data := await back.read(65_536):
                answer.write(data)
                await answer.drain()
        finally:
            forth.close()

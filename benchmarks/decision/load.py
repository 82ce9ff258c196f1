"""Requests over kept TLS connections, from a process of its own: as fast as they are answered, or at a fixed rate.

    python -m benchmarks.decision.load PORT CA REQUESTS CONNECTIONS SECONDS RATE

REQUESTS is a file of bodies and heads as JSON; each request gets a number of its own where it has NUMBER. RATE is in requests a second, 0 for as fast as possible. At a fixed rate a
request is late from the moment at which it was due, so that a slow answer delays what waits behind it, too. Prints JSON.
"""

import asyncio
import json
import ssl
import sys
import time
import uuid
from itertools import count, cycle
from pathlib import Path

from benchmarks.decision.stage import NUMBER


class Connection(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answered: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        assert self._transport is not None
        self._received = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length and self._answered is not None and not self._answered.done():
            self._answered.set_result(head[9:12] + body)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionResetError("The server closed the connection."))


async def main(port: int, ca: str, requests: list[bytes], connections: int, seconds: float, rate: float) -> None:
    loop, context = asyncio.get_running_loop(), ssl.create_default_context(cafile=ca)
    opened = [
        (await loop.create_connection(Connection, "127.0.0.1", port, ssl=context, server_hostname="127.0.0.1"))[1]
        for _ in range(connections)
    ]
    took: list[float] = []
    wrong = 0
    every, numbers, of_this_load = cycle(requests), count(), uuid.uuid4().hex[:16]
    begin = time.perf_counter()
    end = begin + seconds

    async def ask(connection: Connection, due: float) -> None:
        nonlocal wrong
        number = f"{of_this_load}{next(numbers):020}".encode()
        answer = await connection.ask(next(every).replace(NUMBER, number, 1))
        took.append(time.perf_counter() - due)
        wrong += not (answer.startswith(b"200") and b"allow" in answer)

    async def as_fast_as_possible(connection: Connection) -> None:
        while (now := time.perf_counter()) < end:
            await ask(connection, now)

    async def at_a_rate(connection: Connection, place: int) -> None:
        for number in range(place, int(rate * seconds), connections):
            due = begin + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            await ask(connection, due)

    if rate:
        await asyncio.gather(*(at_a_rate(each, place) for place, each in enumerate(opened)))
    else:
        await asyncio.gather(*map(as_fast_as_possible, opened))
    took.sort()
    elapsed = time.perf_counter() - begin
    found = {
        "rate": len(took) / elapsed,
        "p50": took[len(took) // 2] * 1000,
        "p99": took[int(len(took) * 0.99)] * 1000,
        "wrong": wrong,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    port, ca, path, connections, seconds, rate = sys.argv[1:]
    lines = [line.encode("latin-1") for line in json.loads(Path(path).read_text(encoding="utf-8"))]
    asyncio.run(main(int(port), ca, lines, int(connections), float(seconds), float(rate)))

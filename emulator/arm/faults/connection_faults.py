"""The faults that break a connection: `reset` and `torn`."""

import socket
import struct

from aiohttp import web

_ABORT_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


def reset_connection(request: web.Request) -> web.StreamResponse:
    """Close the connection of this request with a TCP reset. The returned response is not sent."""
    transport = request.transport
    if transport is not None:
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT_ON_CLOSE)
        transport.abort()
    return web.Response()


async def send_half(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send the headers and half of the body, then close the connection. Reset it if there is no body."""
    body = response.body if isinstance(response.body, bytes) else b""
    if not body:
        return reset_connection(request)
    torn = web.StreamResponse(status=response.status, headers=response.headers)
    torn.content_length = len(body)
    await torn.prepare(request)
    await torn.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return torn

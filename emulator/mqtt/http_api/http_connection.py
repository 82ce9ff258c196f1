"""HTTP/1.1 on a TLS connection of the MQTT endpoint. The protocol is h11's."""

import asyncio
import contextlib
from collections.abc import Callable
from email.utils import formatdate

import h11

from emulator.mqtt.http_api.exchange import HttpError, HttpRequest, HttpResponse
from emulator.mqtt.limits import HTTP_REQUEST_SECONDS, MAX_HTTP_HEAD_BYTES, MAX_PACKET_BYTES
from emulator.mqtt.transport.tls import TlsTransport


class HttpConnection:
    """The application of a TLS connection (see `emulator.mqtt.transport.tls.Application`) for any number of requests.

    While the client does not read its responses, no further request is answered.
    """

    __slots__ = ("_body", "_http", "_is_over", "_on_end", "_request", "_respond", "_size", "_timer", "_transport")

    def __init__(
        self,
        transport: TlsTransport,
        respond: Callable[[HttpRequest, str], HttpResponse],
        on_end: Callable[["HttpConnection"], None],
    ) -> None:
        self._transport = transport
        self._respond = respond
        self._on_end = on_end
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HTTP_HEAD_BYTES)
        self._request: h11.Request | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._is_over = False
        self._timer = self._start_timer()

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        with contextlib.suppress(h11.RemoteProtocolError):  # after the end of what the client had to say
            self._http.receive_data(data)
        self._proceed()

    def connection_lost(self) -> None:
        self._end()

    def resume_writing(self) -> None:
        self._proceed()

    def close(self) -> None:
        """Close the connection; a request that is being received gets no response."""
        if not self._is_over:
            self._end()
            self._transport.close()

    def _end(self) -> None:
        self._is_over = True
        self._timer.cancel()
        self._body.clear()
        self._on_end(self)

    def _start_timer(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(HTTP_REQUEST_SECONDS, self._on_silence)

    def _on_silence(self) -> None:
        if self._request is not None:
            self._refuse(HttpError(408, "RequestTimeout", "The request took too long."))
        else:
            self.close()

    def _proceed(self) -> None:
        """Process what has been received, as long as the client reads the responses."""
        while not self._is_over and not self._transport.is_congested:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                sentence = f"The request is not valid: {error}."
                self._refuse(HttpError(error.error_status_hint or 400, "BadRequest", sentence))
                return
            if event is h11.NEED_DATA or event is h11.PAUSED:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return
            self._handle(event)

    def _handle(self, event: object) -> None:
        match event:
            case h11.Request():
                self._request, self._size = event, 0
            case h11.Data():
                self._size += len(event.data)
                self._body.append(bytes(event.data))
                if self._size > MAX_PACKET_BYTES:
                    self._refuse(HttpError(413, "TooLarge", f"The body has more than {MAX_PACKET_BYTES} bytes."))
            case h11.EndOfMessage():
                self._on_request()
            case _:  # the client has closed its side
                self.close()

    def _on_request(self) -> None:
        assert self._request is not None
        request = HttpRequest(
            self._request.method.decode(),
            self._request.target.decode(),
            {name.decode(): value.decode("latin-1") for name, value in self._request.headers},
            b"".join(self._body),
        )
        self._body.clear()
        self._write(self._respond(request, self._transport.peer))
        self._request = None
        if self._http.our_state is h11.MUST_CLOSE:
            self.close()
            return
        self._http.start_next_cycle()
        self._timer.cancel()
        self._timer = self._start_timer()

    def _refuse(self, problem: HttpError) -> None:
        """Respond with an error and close: what follows cannot be read as a request."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            response = problem.response()
            self._write(HttpResponse(response.status, response.body, {**response.headers, "connection": "close"}))
        self.close()

    def _write(self, response: HttpResponse) -> None:
        headers = [("date", formatdate(usegmt=True)), *response.headers.items()]
        if response.status != 204:
            headers.append(("content-length", str(len(response.body))))
        self._send(h11.Response(status_code=response.status, headers=headers))
        if response.body and not (self._request is not None and self._request.method == b"HEAD"):
            self._send(h11.Data(data=response.body))
        self._send(h11.EndOfMessage())

    def _send(self, event: h11.Response | h11.InformationalResponse | h11.Data | h11.EndOfMessage) -> None:
        data = self._http.send(event)
        if data:
            self._transport.write(data)

"""MQTT over WebSocket, on the same port as MQTT: a client that starts with an HTTP request gets a WebSocket.

Sources: MQTT 5.0, section 6; RFC 6455. The framing is wsproto's. MQTT packets may be cut across frames in any way.
"""

import contextlib
from collections.abc import Callable
from typing import Protocol

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from emulator.mqtt.connections.protocols import Wire
from emulator.mqtt.transport.tls import Application, TlsTransport
from emulator.mqtt.wire.packets import Reason

PATH = "/mqtt"
HTTP_BEGINNINGS = (
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"HEAD ",
    b"OPTIONS ",
    b"PATCH ",
    b"GET /mqtt/",
)  # WebSocket: GET /mqtt
SUBPROTOCOL = "mqtt"


class MqttConnection(Application, Protocol):
    """The MQTT connection that a transport carries. A WebSocket replaces its wire."""

    wire: Wire

    def withdraw(self) -> None:
        """Forget the connection without a record: the client does not speak MQTT."""

    def end(self, reason: Reason, sentence: str, cause: str, *, code: str = "") -> None: ...


class Opening:
    """The application until the first bytes, which distinguish MQTT, MQTT over WebSocket and plain HTTP requests.

    No MQTT client starts with the letters of an HTTP method. `serve_http` returns the application for HTTP requests.
    """

    __slots__ = ("_connection", "_received", "_serve_http", "_transport")

    def __init__(
        self, transport: TlsTransport, connection: MqttConnection, serve_http: Callable[[], Application] | None = None
    ) -> None:
        self._transport = transport
        self._connection = connection
        self._serve_http = serve_http
        self._received = b""

    def data_received(self, data: bytes) -> None:
        data = self._received + data
        if self._serve_http is not None:
            if any(method.startswith(data) for method in HTTP_BEGINNINGS):
                self._received = data  # too little to tell
                return
            if data.startswith(HTTP_BEGINNINGS):
                self._connection.withdraw()
                application = self._transport.application = self._serve_http()
                application.data_received(data)
                return
        if data.startswith(b"G"):
            websocket = WebSocket(self._transport, self._connection)
            self._transport.application = self._connection.wire = websocket
            websocket.data_received(data)
        else:
            self._transport.application = self._connection
            self._connection.data_received(data)

    def connection_lost(self) -> None:
        if self._received:
            self._connection.data_received(self._received)
        self._connection.connection_lost()

    def resume_writing(self) -> None:
        """Nothing was written yet."""


class WebSocket:
    """Between TLS and an MQTT connection: the application of the one, the wire of the other."""

    __slots__ = (
        "_connection",
        "_has_sent_close",
        "_is_open",
        "_is_over",
        "_protocol",
        "_transport",
        "peer",
        "peer_chain",
        "protocol_suffix",
    )

    def __init__(self, transport: TlsTransport, connection: MqttConnection) -> None:
        self._transport = transport
        self._connection = connection
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._is_open = False
        self._has_sent_close = False
        self._is_over = False  # the MQTT connection has ended: what follows is not passed on
        self.peer = transport.peer
        self.peer_chain = transport.peer_chain
        self.protocol_suffix = "-WS"

    # TLS's side

    def data_received(self, data: bytes) -> None:
        try:
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                if self._is_over:
                    self._handle_after_the_end(event)
                else:
                    self._handle(event)
        except (RemoteProtocolError, LocalProtocolError) as error:
            self._fail(str(error), getattr(error, "event_hint", None))
        except UnicodeError:  # raised by wsproto when it decodes header lines
            self._fail("a header is not ASCII", RejectConnection())

    def connection_lost(self) -> None:
        self._is_open, self._is_over = False, True
        self._connection.connection_lost()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def _handle(self, event: Event) -> None:
        match event:
            case Request():
                self._on_request(event)
            case BytesMessage():
                self._connection.data_received(bytes(event.data))
            case TextMessage():  # MQTT 5, 6.0.0-1
                self._send_close(CloseReason.UNSUPPORTED_DATA)
                self._end("MQTT needs binary WebSocket frames; a text frame was received.")
            case Ping():
                self._transport.write(self._protocol.send(event.response()))
            case CloseConnection():
                self._is_over = True
                if self._is_open:
                    self._is_open = False
                    self._transport.write(self._protocol.send(event.response()))
                self._transport.close()
                self._connection.connection_lost()
            case _:
                pass

    def _handle_after_the_end(self, event: Event) -> None:
        """Once the MQTT connection is over, only the peer's Close frame matters: the server then closes TCP (7.1.1)."""
        if isinstance(event, CloseConnection):
            self._send_close(CloseReason.NORMAL_CLOSURE)
            self._transport.close()

    def _on_request(self, request: Request) -> None:
        if request.target.partition("?")[0] != PATH:
            self._reject(404, f"MQTT over WebSocket is at {PATH}.")
        elif SUBPROTOCOL not in request.subprotocols:
            self._reject(400, f"Ask for the WebSocket subprotocol {SUBPROTOCOL}.")
        else:
            self._is_open = True
            self._transport.write(self._protocol.send(AcceptConnection(subprotocol=SUBPROTOCOL)))

    def _reject(self, status: int, sentence: str) -> None:
        body = (sentence + "\n").encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        answer = self._protocol.send(RejectConnection(status_code=status, headers=headers, has_body=True))
        self._transport.write(answer + self._protocol.send(RejectData(data=body)))
        self._end(sentence)

    def _fail(self, words: str, answer: Event | None) -> None:
        if self._is_over:
            self._send_close(CloseReason.NORMAL_CLOSURE)
        elif self._is_open:
            self._send_close(CloseReason.PROTOCOL_ERROR)
        elif isinstance(answer, RejectConnection):
            with contextlib.suppress(LocalProtocolError):
                self._transport.write(self._protocol.send(answer))
        self._end(f"Not a valid WebSocket: {words.rstrip('.') or 'a protocol error'}.")
        self._transport.close()  # without waiting for a Close frame: what this peer sends cannot be read (7.1.7)

    def _end(self, sentence: str) -> None:
        self._is_over = True
        self._connection.end(Reason.PROTOCOL_ERROR, sentence, "ClientError", code="websocket")
        self.close()

    # MQTT's side: `emulator.mqtt.connections.protocols.Wire`

    @property
    def is_congested(self) -> bool:
        return self._transport.is_congested

    def write(self, data: bytes) -> None:
        if self._is_open:
            self._transport.write(self._protocol.send(BytesMessage(data=data)))

    def await_end(self) -> None:
        self._is_over = True
        self._transport.await_end(then=self.close)

    def close(self) -> None:
        """Send a Close frame and wait for the peer's; a request that was not accepted gets neither (7.1.2)."""
        self._is_over = True
        self._send_close(CloseReason.NORMAL_CLOSURE)
        if self._has_sent_close:
            self._transport.await_end()
        else:
            self._transport.close()

    def _send_close(self, reason: CloseReason) -> None:
        if self._is_open:
            self._is_open, self._has_sent_close = False, True
            with contextlib.suppress(LocalProtocolError):
                self._transport.write(self._protocol.send(CloseConnection(code=reason)))

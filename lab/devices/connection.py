"""One MQTT connection: paho-mqtt, driven by asyncio.

paho connects in a thread, since that blocks. Everything else happens in the loop: it reads and writes when the socket is
ready, as paho documents for event loops of others.
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from lab.devices.limits import CONNECT_SECONDS, KEEP_ALIVE, MOST_PACKET, MOST_UNANSWERED
from lab.devices.problems import DeviceProblem
from lab.devices.reason_codes import code_of, connack_code
from lab.devices.record import RECEIVED, SENT, Record, shown_payload
from namespaces.connections.mqtt_endpoints import MqttEndpoint

CONNECTING, CONNECTED, REFUSED, FAILED, ENDED = "connecting", "connected", "refused", "failed", "disconnected"
READS_AT_ONCE = 50  # so that a busy connection leaves time to others


class MqttConnection:
    """A connection from its first packet to its last. `state` is one of the words above."""

    def __init__(
        self, context: ssl.SSLContext, record: Record, *, client_id: str, user_name: str, version: str
    ) -> None:
        self.state = CONNECTING
        self.filters: dict[str, int] = {}  # subscribed, with their quality of service
        self._record = record
        self._is_v5 = version == "5"
        self._client_id = client_id
        self._user_name = user_name
        self._asked: dict[int, tuple[str, str]] = {}  # by packet identifier: what was sent, and about what
        protocol = MQTTProtocolVersion.MQTTv5 if self._is_v5 else MQTTProtocolVersion.MQTTv311
        more: dict[str, Any] = {} if self._is_v5 else {"clean_session": True}
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=protocol, reconnect_on_failure=False, **more
        )
        self._client.tls_set_context(context)
        if user_name:
            self._client.username_pw_set(user_name)
        self._client.connect_timeout = CONNECT_SECONDS
        self._listen()
        self._task: asyncio.Task[None] | None = None

    def _listen(self) -> None:
        client = self._client
        client.on_log = lambda _c, _u, _level, text: self._record.log(text)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message

    # Commands

    def start(self, endpoint: MqttEndpoint) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(endpoint))

    def publish(self, topic: str, payload: bytes, qos: int) -> None:
        self._check_unanswered()
        sent = self._client.publish(topic, payload, qos)
        if qos:
            self._asked[sent.mid] = ("PUBLISH", topic)
        about = f"{topic}: {shown_payload(payload)} (QoS {qos}{f', packet {sent.mid}' if qos else ''})"
        self._record.packet(SENT, "PUBLISH", about)

    def subscribe(self, topic_filter: str, qos: int) -> None:
        self._check_unanswered()
        if self._is_v5:
            _, mid = self._client.subscribe(topic_filter, options=SubscribeOptions(qos=qos))
        else:
            _, mid = self._client.subscribe(topic_filter, qos)
        self._asked[mid or 0] = (topic_filter, str(qos))
        self._record.packet(SENT, "SUBSCRIBE", f"{topic_filter} (QoS {qos}, packet {mid})")

    def unsubscribe(self, topic_filter: str) -> None:
        self._check_unanswered()
        _, mid = self._client.unsubscribe(topic_filter)
        self._asked[mid or 0] = (topic_filter, "")
        self._record.packet(SENT, "UNSUBSCRIBE", f"{topic_filter} (packet {mid})")

    def _check_unanswered(self) -> None:
        if len(self._asked) >= MOST_UNANSWERED:
            raise DeviceProblem(
                "no-answer", "The endpoint has not acknowledged the last packets. Wait, or connect again."
            )

    def stop(self) -> asyncio.Task[None] | None:
        """Disconnect, if connected. Return the task that ends when nothing runs any more."""
        if self.state == CONNECTED:
            self._record.packet(SENT, "DISCONNECT", "")
            self._client.disconnect()
        elif self.state == CONNECTING:
            self.state = ENDED
        return self._task

    # The connection

    async def _run(self, endpoint: MqttEndpoint) -> None:
        try:
            self._record.note(f"Connect to {endpoint.host}:{endpoint.port} over TLS.")
            await asyncio.to_thread(self._open, endpoint)
        except (OSError, ValueError) as error:  # refused, unreachable, or not the endpoint's certificate
            self._fail(f"No connection: {error}")
            return
        socket = self._client.socket()
        if socket is None:
            self._fail("The connection was closed.")
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(socket.fileno(), self._read)
        self._client.on_socket_register_write = lambda _c, _u, sock: loop.add_writer(sock.fileno(), self._write)
        self._client.on_socket_unregister_write = self._on_all_written
        self._client.on_socket_close = self._on_socket_close
        if self._client.want_write():
            loop.add_writer(socket.fileno(), self._write)
        self._read()  # what has arrived meanwhile
        await self._watch(loop.time() + CONNECT_SECONDS)

    def _open(self, endpoint: MqttEndpoint) -> None:
        """Connect; runs in a thread."""
        given = None
        if self._is_v5:
            given = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            given.MaximumPacketSize = MOST_PACKET
        name = f"user name {self._user_name}" if self._user_name else "no user name"
        version = "MQTT 5" if self._is_v5 else "MQTT 3.1.1"
        start: dict[str, Any] = {"clean_start": True, "properties": given} if self._is_v5 else {}
        self._record.packet(
            SENT, "CONNECT", f"{version}, client ID {self._client_id}, {name}, clean start, keep-alive {KEEP_ALIVE} s"
        )
        self._client.connect(endpoint.host, endpoint.port, KEEP_ALIVE, **start)

    async def _watch(self, deadline: float) -> None:
        """Let paho send its pings until the connection has ended. `deadline`: for CONNACK, in the loop's time."""
        loop = asyncio.get_running_loop()
        while self._client.socket() is not None:
            if self.state == CONNECTING and loop.time() > deadline:
                self._record.note("The endpoint sent no CONNACK.", is_bad=True)
                self.state = FAILED
            if self.state in {FAILED, ENDED}:
                self._client.disconnect()
            self._client.loop_misc()
            await asyncio.sleep(0.2)
        if self.state in {CONNECTING, CONNECTED}:
            self.state = ENDED

    def _read(self) -> None:
        for _ in range(READS_AT_ONCE):
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            socket: Any = self._client.socket()
            if socket is None or not socket.pending():  # TLS may hold more than the packet that was read
                return
        asyncio.get_running_loop().call_soon(self._read)

    def _write(self) -> None:
        self._client.loop_write()

    def _on_all_written(self, _client: Client, _data: Any, socket: Any) -> None:
        asyncio.get_running_loop().remove_writer(socket.fileno())

    def _on_socket_close(self, _client: Client, _data: Any, socket: Any) -> None:
        loop = asyncio.get_running_loop()
        if socket.fileno() >= 0:
            loop.remove_reader(socket.fileno())
            loop.remove_writer(socket.fileno())

    def _fail(self, text: str) -> None:
        self._record.note(text, is_bad=True)
        if self.state == CONNECTING:
            self.state = FAILED

    # Packets of the endpoint

    def _on_connect(self, _c: Client, _u: Any, flags: Any, reason: ReasonCode, given: Properties | None) -> None:
        code, words = connack_code(reason, is_v5=self._is_v5)
        said = getattr(given, "ReasonString", "")
        text = f"{words}. {said}" if said else f"{words}{', session present' if flags.session_present else ''}"
        self._record.packet(RECEIVED, "CONNACK", text, code=code, is_bad=reason.is_failure)
        if self.state == CONNECTING:
            self.state = REFUSED if reason.is_failure else CONNECTED

    def _on_disconnect(self, _c: Client, _u: Any, flags: Any, reason: ReasonCode, given: Properties | None) -> None:
        if flags.is_disconnect_packet_from_server:
            code, words = code_of(reason)
            said = getattr(given, "ReasonString", "")
            self._record.packet(RECEIVED, "DISCONNECT", f"{words}. {said}".strip(), code=code, is_bad=reason.is_failure)
        elif reason.is_failure and self.state == CONNECTED:
            self._record.note("The endpoint closed the connection.", is_bad=True)
        elif reason.is_failure and self.state == CONNECTING:
            self._fail("The endpoint closed the connection before it sent CONNACK.")
        if self.state == CONNECTED:
            self.state = ENDED
        self.filters.clear()

    def _on_subscribe(
        self, _c: Client, _u: Any, mid: int, reasons: Sequence[ReasonCode], given: Properties | None
    ) -> None:
        topic_filter, qos = self._asked.pop(mid, ("", "0"))
        for reason in reasons:
            code, words = code_of(reason)
            said = getattr(given, "ReasonString", "")
            text = f"{topic_filter}: {words}{f'. {said}' if said else ''} (packet {mid})"
            self._record.packet(RECEIVED, "SUBACK", text, code=code, is_bad=reason.is_failure)
            if not reason.is_failure and topic_filter:
                self.filters[topic_filter] = int(qos)

    def _on_unsubscribe(
        self, _c: Client, _u: Any, mid: int, reasons: Sequence[ReasonCode], _given: Properties | None
    ) -> None:
        topic_filter, _ = self._asked.pop(mid, ("", ""))
        self.filters.pop(topic_filter, None)
        code, words = code_of(reasons[0]) if reasons else ("", "")
        self._record.packet(RECEIVED, "UNSUBACK", f"{topic_filter}: {words or 'done'} (packet {mid})", code=code)

    def _on_publish(self, _c: Client, _u: Any, mid: int, reason: ReasonCode, given: Properties | None) -> None:
        _, topic = self._asked.pop(mid, ("", ""))
        if not topic:
            return  # QoS 0, which is not acknowledged
        code, words = code_of(reason)
        said = getattr(given, "ReasonString", "")
        text = f"{topic}: {words}{f'. {said}' if said else ''} (packet {mid})"
        self._record.packet(RECEIVED, "PUBACK", text, code=code if self._is_v5 else "", is_bad=reason.is_failure)

    def _on_message(self, _c: Client, _u: Any, message: MQTTMessage) -> None:
        text = f"{message.topic}: {shown_payload(bytes(message.payload))} (QoS {message.qos}{', retained' if message.retain else ''})"
        self._record.packet(RECEIVED, "PUBLISH", text)

"""One MQTT connection: CONNECT decided by the authentication engine, then the packets of a connected client."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from certificates.authentication import Decision, authenticate, authentication_name_key
from certificates.decoding import to_pem
from emulator.mqtt import packets
from emulator.mqtt.limits import (
    CONNECT_TIMEOUT_SECONDS,
    MAX_FILTERS_PER_SUBSCRIBE,
    MAX_FIRST_PACKET_BYTES,
    MAX_IN_FLIGHT_INCOMING,
    MAX_IN_FLIGHT_OUTGOING,
    MAX_KEEP_ALIVE_SECONDS,
    MAX_PACKET_BYTES,
    MAX_SESSION_NAME_BYTES,
    MAX_SUBSCRIPTIONS_PER_SESSION,
    MAX_TOPIC_ALIASES,
    MAX_TOPIC_BYTES,
    MAX_TOPIC_SEGMENTS,
)
from emulator.mqtt.packets import MQTT_5, PacketError, Property, Reason
from emulator.mqtt.sessions import Message, Session
from emulator.mqtt.tls import TlsTransport
from emulator.records import ConnectionRecord

if TYPE_CHECKING:
    from emulator.mqtt.endpoint import NamespaceEndpoint

# Why a connection ended, in Azure's words (lifecycle events) and MQTT 5's.
_RETURN_CODES_3 = {
    Reason.UNSUPPORTED_PROTOCOL_VERSION: 1,
    Reason.CLIENT_IDENTIFIER_NOT_VALID: 2,
    Reason.SERVER_BUSY: 3,
    Reason.SERVER_SHUTTING_DOWN: 3,
}


class Connection:
    """The application on one TLS connection (see `emulator.mqtt.tls.Application`)."""

    def __init__(self, endpoint: "NamespaceEndpoint") -> None:
        self._endpoint = endpoint
        self._decoder = packets.Decoder(limit=MAX_FIRST_PACKET_BYTES)
        self._transport: TlsTransport | None = None
        self._connect: packets.Connect | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._aliases: dict[int, str] = {}
        self._keep_alive = 0
        self._last_heard = 0.0
        self._will: packets.Will | None = None
        self._ended = False
        self._client_packet_limit = MAX_PACKET_BYTES
        self._trace_id = str(uuid.uuid4())
        self.session: Session | None = None
        self.decision: Decision | None = None

    # TLS's side

    def connection_made(self, transport: TlsTransport) -> None:
        self._transport = transport
        self._endpoint.opened(self)
        loop = asyncio.get_running_loop()
        self._last_heard = loop.time()
        self._timer = loop.call_later(CONNECT_TIMEOUT_SECONDS, self._no_connect)

    def handshake_failed(self, transport: TlsTransport, reason: str) -> None:
        self._endpoint.record(
            ConnectionRecord(
                namespace_id=self._endpoint.namespace_id,
                time=datetime.now(UTC),
                category="FailedMqttConnections",
                result_type="Failed",
                result_signature="TlsError",
                result_description=reason,
                caller_ip_address=transport.peer,
                trace_id=self._trace_id,
            )
        )

    def data_received(self, data: bytes) -> None:
        self._last_heard = asyncio.get_running_loop().time()
        try:
            for packet in self._decoder.feed(data):
                if self._ended:
                    return
                self._handle(packet)
        except PacketError as error:
            self._end(error.reason, str(error), "ClientError")

    def connection_lost(self) -> None:
        self._finish("ConnectionLost", "The connection was lost.")

    def resume_writing(self) -> None:
        if self.session is not None:
            self.session.pump(asyncio.get_running_loop().time())

    # Packets

    def _handle(self, packet: packets.Packet) -> None:
        if self._connect is None:
            if not isinstance(packet, packets.Connect):
                raise PacketError("The first packet is not CONNECT.", Reason.PROTOCOL_ERROR)
            self._on_connect(packet)
            return
        match packet:
            case packets.Publish():
                self._on_publish(packet)
            case packets.Acknowledgement():
                self._on_acknowledgement(packet)
            case packets.Subscribe():
                self._on_subscribe(packet)
            case packets.Unsubscribe():
                self._on_unsubscribe(packet)
            case packets.Ping():
                self._send(packets.encode_pingresp())
            case packets.Disconnect():
                self._on_disconnect(packet)
            case packets.Connect():
                raise PacketError("A second CONNECT on the same connection.", Reason.PROTOCOL_ERROR)
            case packets.Auth():
                raise PacketError("AUTH is not used with certificates.", Reason.PROTOCOL_ERROR)
            case _:
                assert_never(packet)

    # CONNECT

    def _on_connect(self, connect: packets.Connect) -> None:
        assert self._transport is not None
        self._connect = connect
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        chain = self._transport.peer_chain
        decision = authenticate(
            presented=chain[0] if chain else None,
            chain=chain[1:],
            user_name=connect.user_name,
            state=self._endpoint.authentication_state(),
            at=datetime.now(UTC),
        )
        self.decision = decision
        if not decision.accepted:
            sentence = f"{decision.reason} {decision.fix}".strip()
            self._refuse(Reason.NOT_AUTHORIZED, sentence, "AuthenticationError", decision.reason)
            return
        refusal = self._session_refusal(connect)
        if refusal is not None:
            reason, sentence, signature = refusal
            self._refuse(reason, sentence, signature, sentence)
            return
        self._accept(connect)

    def _session_refusal(self, connect: packets.Connect) -> tuple[Reason, str, str] | None:
        """What Event Grid's own rules say against this CONNECT, beyond authentication."""
        if packets.property_value(connect.properties, Property.AUTHENTICATION_METHOD) is not None:
            return (
                Reason.BAD_AUTHENTICATION_METHOD,
                "No authentication method is used with certificates.",
                "ClientError",
            )
        if not connect.client_id and (connect.version != MQTT_5 and not connect.clean):
            return Reason.CLIENT_IDENTIFIER_NOT_VALID, "A client id (session name) is needed here.", "ClientError"
        if len(connect.client_id.encode()) > MAX_SESSION_NAME_BYTES:
            sentence = f"The client id (session name) is longer than {MAX_SESSION_NAME_BYTES} bytes."
            return Reason.CLIENT_IDENTIFIER_NOT_VALID, sentence, "ClientError"
        if connect.will is not None and connect.will.qos == 2:
            return Reason.QOS_NOT_SUPPORTED, "A will with QoS 2 is not supported.", "ClientError"
        owner = self._owner()
        session = self._endpoint.broker.sessions.get(connect.client_id)
        if session is not None and session.owner != owner:
            sentence = f"The session name {connect.client_id} belongs to another authentication name."
            return Reason.NOT_AUTHORIZED, sentence, "AuthorizationError"
        others = [s for s in self._endpoint.broker.of_owner(owner) if s.name != connect.client_id]
        limit = self._endpoint.sessions_per_name
        if len(others) >= limit:
            sentence = f"{self._client_name()} has {len(others)} sessions already; the namespace allows {limit}."
            return Reason.QUOTA_EXCEEDED, sentence, "QuotaExceeded"
        return None

    def _owner(self) -> str:
        assert self.decision is not None
        return authentication_name_key(self.decision.authentication_name)

    def _client_name(self) -> str:
        return self.decision.client.name if self.decision is not None and self.decision.client is not None else ""

    def _accept(self, connect: packets.Connect) -> None:
        assert self._transport is not None
        name = connect.client_id or uuid.uuid4().hex
        self._endpoint.take_over(name, self)
        session, present = self._endpoint.broker.open(name, self._owner(), clean=connect.clean)
        self.session = session
        self._will = connect.will
        self._set_expiry(connect, session)
        session.receive_maximum = packets.number(connect.properties, Property.RECEIVE_MAXIMUM, MAX_IN_FLIGHT_OUTGOING)
        if session.receive_maximum == 0:
            raise PacketError("A receive maximum of zero.", Reason.PROTOCOL_ERROR)
        self._client_packet_limit = packets.number(connect.properties, Property.MAXIMUM_PACKET_SIZE, MAX_PACKET_BYTES)
        self._keep_alive = min(connect.keep_alive or MAX_KEEP_ALIVE_SECONDS, MAX_KEEP_ALIVE_SECONDS)
        self._decoder.limit = MAX_PACKET_BYTES
        self._send(
            packets.encode_connack(
                connect.version,
                session_present=present,
                reason=0,
                properties=self._connack_properties(connect, session),
            )
        )
        self._record_attempt(
            "SuccessfulMqttConnections", "Succeeded", "", self.decision.reason if self.decision else ""
        )
        self._endpoint.connected(self)
        self._watch_keep_alive()
        session.send = self._deliver
        session.resume(asyncio.get_running_loop().time())

    def _set_expiry(self, connect: packets.Connect, session: Session) -> None:
        maximum = self._endpoint.maximum_session_expiry_seconds
        if connect.version == MQTT_5:
            wanted = packets.number(connect.properties, Property.SESSION_EXPIRY, 0)
        else:
            wanted = 0 if connect.clean else maximum
        session.expiry_seconds = min(wanted, maximum)

    def _connack_properties(self, connect: packets.Connect, session: Session) -> packets.Properties:
        if connect.version != MQTT_5:
            return ()
        found: list[tuple[Property, packets.Value]] = [
            (Property.MAXIMUM_QOS, 1),
            (Property.RECEIVE_MAXIMUM, MAX_IN_FLIGHT_INCOMING),
            (Property.MAXIMUM_PACKET_SIZE, MAX_PACKET_BYTES),
            (Property.TOPIC_ALIAS_MAXIMUM, MAX_TOPIC_ALIASES),
            (Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE, 0),
            (Property.SHARED_SUBSCRIPTION_AVAILABLE, 0),
        ]
        if session.expiry_seconds != packets.number(connect.properties, Property.SESSION_EXPIRY, 0):
            found.append((Property.SESSION_EXPIRY, session.expiry_seconds))
        if not connect.client_id:
            found.append((Property.ASSIGNED_CLIENT_ID, session.name))
        if self._keep_alive != connect.keep_alive:
            found.append((Property.SERVER_KEEP_ALIVE, self._keep_alive))
        return tuple(found)

    def _refuse(self, reason: Reason, sentence: str, signature: str, description: str) -> None:
        assert self._connect is not None
        assert self._transport is not None
        self._record_attempt("FailedMqttConnections", "Failed", signature, description)
        if self._connect.version == MQTT_5:
            # Bounded: a reason string must fit into what the smallest client accepts.
            properties: packets.Properties = ((Property.REASON_STRING, sentence[:1024]),)
            self._send(packets.encode_connack(MQTT_5, session_present=False, reason=reason, properties=properties))
        else:
            code = _RETURN_CODES_3.get(reason, 5)
            self._send(packets.encode_connack(packets.MQTT_3, session_present=False, reason=code))
        self._ended = True
        self._transport.close()

    def _record_attempt(self, category: str, result: str, signature: str, description: str) -> None:
        assert self._transport is not None
        decision, connect = self.decision, self._connect
        scheme = decision.client.validation_scheme if decision and decision.client else ""
        self._endpoint.record(
            ConnectionRecord(
                namespace_id=self._endpoint.namespace_id,
                time=datetime.now(UTC),
                category=category,
                result_type=result,
                result_signature=signature,
                result_description=description,
                caller_ip_address=self._transport.peer,
                authentication_type="CertificateThumbprintMatch" if scheme == "ThumbprintMatch" else "CACertificate",
                client_identity_source=decision.authentication_name_source if decision else "",
                session_name=self.session.name if self.session else (connect.client_id[:256] if connect else ""),
                protocol=("MQTT5" if connect.version == MQTT_5 else "MQTT3") if connect else "",
                trace_id=self._trace_id,
                user_name=connect.user_name[:256] if connect and connect.user_name is not None else None,
                presented_chain=tuple(to_pem(der) for der in self._transport.peer_chain),
                decision=decision.as_dict() if decision else None,
                client_name=self._client_name(),
                ca_name=decision.anchor if decision else "",
            )
        )

    # PUBLISH

    def _on_publish(self, publish: packets.Publish) -> None:
        assert self.session is not None
        if publish.qos == 2:
            self._end(Reason.QOS_NOT_SUPPORTED, "QoS 2 is not supported.", "ClientError")
            return
        publish = self._resolve_alias(publish)
        if packets.property_value(publish.properties, Property.SUBSCRIPTION_IDENTIFIER) is not None:
            raise PacketError("A client may not send a subscription identifier.", Reason.PROTOCOL_ERROR)
        problem = _topic_problem(publish.topic)
        if problem:
            raise PacketError(problem, Reason.TOPIC_NAME_INVALID)
        now = asyncio.get_running_loop().time()
        self._endpoint.publish(_message(publish, now), self.session, now)
        if publish.qos == 1:
            self._send(packets.encode_puback(self._version, publish.packet_id))

    def _resolve_alias(self, publish: packets.Publish) -> packets.Publish:
        alias = packets.property_value(publish.properties, Property.TOPIC_ALIAS)
        if not isinstance(alias, int):
            return publish
        if not 1 <= alias <= MAX_TOPIC_ALIASES:
            raise PacketError(f"Topic aliases go from 1 to {MAX_TOPIC_ALIASES}.", Reason.TOPIC_ALIAS_INVALID)
        if publish.topic:
            self._aliases[alias] = publish.topic
            return publish
        if alias not in self._aliases:
            raise PacketError(f"The topic alias {alias} was never set.", Reason.PROTOCOL_ERROR)
        return replace(publish, topic=self._aliases[alias])

    def _deliver(self, message: packets.Publish) -> None:
        assert self._transport is not None
        if message.qos == 0 and self._transport.is_congested:
            return  # a slow reader loses what it may lose
        data = packets.encode_publish(self._version, message)
        if len(data) > self._client_packet_limit:
            if message.qos and self.session is not None:
                self.session.in_flight.pop(message.packet_id, None)
            return
        self._send(data)

    def _on_acknowledgement(self, packet: packets.Acknowledgement) -> None:
        assert self.session is not None
        if packet.type != packets.PacketType.PUBACK:
            raise PacketError("This packet belongs to QoS 2, which is not supported.", Reason.PROTOCOL_ERROR)
        if packet.reason >= 0x80:
            self._end(Reason.IMPLEMENTATION_SPECIFIC, "The client refused a message in its PUBACK.", "ClientError")
            return
        self.session.acknowledge(packet.packet_id, asyncio.get_running_loop().time())

    # SUBSCRIBE

    def _on_subscribe(self, subscribe: packets.Subscribe) -> None:
        assert self.session is not None
        if packets.property_value(subscribe.properties, Property.SUBSCRIPTION_IDENTIFIER) is not None:
            raise PacketError(
                "Subscription identifiers are not supported.", Reason.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED
            )
        if len(subscribe.subscriptions) > MAX_FILTERS_PER_SUBSCRIBE:
            raise PacketError(f"A SUBSCRIBE has at most {MAX_FILTERS_PER_SUBSCRIBE} filters.", Reason.QUOTA_EXCEEDED)
        now = asyncio.get_running_loop().time()
        reasons: list[int] = []
        retained: list[Message] = []
        for wanted in subscribe.subscriptions:
            reason = self._subscription_refusal(wanted)
            if reason is not None:
                reasons.append(int(reason) if self._version == MQTT_5 else 0x80)
                continue
            granted = replace(wanted, qos=min(wanted.qos, 1))
            is_new = granted.topic_filter not in self.session.subscriptions
            self.session.subscriptions[granted.topic_filter] = granted
            reasons.append(granted.qos)
            if granted.retain_handling == 0 or (granted.retain_handling == 1 and is_new):
                retained += self._endpoint.broker.retained_for(granted, now)
        self._send(packets.encode_suback(self._version, subscribe.packet_id, reasons))
        for message in retained:
            self.session.enqueue(message)
        self.session.pump(now)

    def _subscription_refusal(self, wanted: packets.Subscription) -> Reason | None:
        assert self.session is not None
        topic_filter = wanted.topic_filter
        if topic_filter.startswith("$share/"):
            return Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
        if not packets.is_topic_filter(topic_filter) or _topic_problem(topic_filter):
            return Reason.TOPIC_FILTER_INVALID
        is_new = topic_filter not in self.session.subscriptions
        if is_new and len(self.session.subscriptions) >= MAX_SUBSCRIPTIONS_PER_SESSION:
            return Reason.QUOTA_EXCEEDED
        return None

    def _on_unsubscribe(self, unsubscribe: packets.Unsubscribe) -> None:
        assert self.session is not None
        reasons = []
        for topic_filter in unsubscribe.topic_filters:
            found = self.session.subscriptions.pop(topic_filter, None)
            reasons.append(int(Reason.SUCCESS if found else Reason.NO_SUBSCRIPTION_EXISTED))
        self._send(packets.encode_unsuback(self._version, unsubscribe.packet_id, reasons))

    # The end

    def _on_disconnect(self, packet: packets.Disconnect) -> None:
        assert self._transport is not None
        if packet.reason != Reason.DISCONNECT_WITH_WILL:
            self._will = None
        expiry = packets.property_value(packet.properties, Property.SESSION_EXPIRY)
        if isinstance(expiry, int) and self.session is not None:
            if expiry and not self.session.expiry_seconds:
                raise PacketError("A session expiry of zero cannot be raised at the end.", Reason.PROTOCOL_ERROR)
            self.session.expiry_seconds = min(expiry, self._endpoint.maximum_session_expiry_seconds)
        self._transport.close()
        self._finish("ClientInitiatedDisconnect", "The client disconnected.")

    def end(self, reason: Reason, sentence: str, cause: str) -> None:
        """End this connection from the server's side: MQTT 5 is told the reason, 3.1.1 is closed."""
        self._end(reason, sentence, cause)

    def _end(self, reason: Reason, sentence: str, cause: str) -> None:
        if self._ended or self._transport is None:
            return
        if self._connect is None:
            self._ended = True
            self._record_attempt("FailedMqttConnections", "Failed", "ClientError", sentence)
        elif self._version == MQTT_5:
            self._send(packets.encode_disconnect(reason, sentence))
        self._transport.close()
        self._finish(cause, sentence)

    def _finish(self, cause: str, sentence: str) -> None:
        """Once, however it ended: will, session, log."""
        for timer in (self._timer,):
            if timer is not None:
                timer.cancel()
        already, self._ended = self._ended, True
        self._endpoint.closed(self)
        if already or self.session is None:
            return
        session, now = self.session, asyncio.get_running_loop().time()
        if self._endpoint.is_current(self):
            session.send = None
            session.expires_at = now + session.expiry_seconds
            if not session.expiry_seconds:
                self._endpoint.broker.drop(session)
        if self._will is not None:
            self._publish_will(self._will, now)
        self._record_attempt("MqttDisconnections", "Succeeded", cause, sentence)

    def _publish_will(self, will: packets.Will, now: float) -> None:
        properties = tuple((n, v) for n, v in will.properties if n != Property.WILL_DELAY)
        message = packets.Publish(will.topic, will.payload, will.qos, will.retain, properties=properties)
        delay = min(
            packets.number(will.properties, Property.WILL_DELAY, 0), self.session.expiry_seconds if self.session else 0
        )
        self._endpoint.publish_will(_message(message, now), self.session, delay)

    def _no_connect(self) -> None:
        self._end(Reason.KEEP_ALIVE_TIMEOUT, "The client sent no CONNECT in time.", "ClientError")

    def _watch_keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        silent, allowed = loop.time() - self._last_heard, self._keep_alive * 1.5
        if silent >= allowed:
            self._end(
                Reason.KEEP_ALIVE_TIMEOUT, "Nothing was heard for one and a half keep-alive times.", "ConnectionLost"
            )
        elif not self._ended:
            self._timer = loop.call_later(allowed - silent + 0.01, self._watch_keep_alive)

    @property
    def _version(self) -> int:
        return self._connect.version if self._connect is not None else 0

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _topic_problem(topic: str) -> str:
    if len(topic.encode()) > MAX_TOPIC_BYTES:
        return f"The topic is longer than {MAX_TOPIC_BYTES} bytes."
    if topic.count("/") >= MAX_TOPIC_SEGMENTS:
        return f"The topic has more than {MAX_TOPIC_SEGMENTS} segments."
    return ""


def _message(publish: packets.Publish, now: float) -> Message:
    expiry = packets.property_value(publish.properties, Property.MESSAGE_EXPIRY)
    properties = tuple((n, v) for n, v in publish.properties if n != Property.TOPIC_ALIAS)
    return Message(
        publish.topic,
        publish.payload,
        publish.qos,
        publish.retain,
        properties,
        now + expiry if isinstance(expiry, int) else None,
    )

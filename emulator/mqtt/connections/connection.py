"""One MQTT connection, from its first byte to its end: CONNECT is decided by the authentication engine."""

import asyncio
import uuid
from typing import TYPE_CHECKING, assert_never

from certificates.authentication.engine import Decision, authentication_name_key
from emulator.mqtt.connections import log_records
from emulator.mqtt.connections.connecting import (
    RETURN_CODES_3,
    Refusal,
    Terms,
    connack_properties,
    connack_refusal,
    session_refusal,
    terms_of,
    unsupported,
)
from emulator.mqtt.connections.exchange import Exchange
from emulator.mqtt.connections.log_records import Wire, evidence_of, protocol_of, record_of
from emulator.mqtt.limits import (
    CONNECT_TIMEOUT_SECONDS,
    MAX_DENIALS_LOGGED,
    MAX_FIRST_PACKET_BYTES,
    MAX_PACKET_BYTES,
    MAX_WILL_DELAY_SECONDS,
)
from emulator.mqtt.sessions.session import Session
from emulator.mqtt.wire import packets, writing
from emulator.mqtt.wire.packets import MQTT_3, MQTT_5, Acknowledgement, PacketError, Property, Publish, Reason
from emulator.mqtt.wire.reading import Decoder
from emulator.storage.connection_records import NO_EVIDENCE

if TYPE_CHECKING:
    from emulator.mqtt.listeners.namespace_endpoint import NamespaceEndpoint

_REASON_STRING_LENGTH = 1024  # a reason string must fit into what the smallest client accepts


class Connection:
    """The application on one TLS connection (see `emulator.mqtt.transport.tls.Application`)."""

    __slots__ = (
        "_clock",
        "_decoder",
        "_denials",
        "_ended",
        "_endpoint",
        "_evidence",
        "_exchange",
        "_has_spoken",
        "_last_heard",
        "_timer",
        "_trace_id",
        "_will",
        "decision",
        "session",
        "session_name",
        "terms",
        "user_name",
        "valid_until",
        "wire",
    )

    def __init__(self, endpoint: "NamespaceEndpoint", wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        self._endpoint = endpoint
        self.wire = wire
        self._clock = loop.time
        self._decoder = Decoder(limit=MAX_FIRST_PACKET_BYTES)
        self._exchange: Exchange | None = None
        self._timer: asyncio.TimerHandle | None = loop.call_later(CONNECT_TIMEOUT_SECONDS, self._no_connect)
        self._last_heard = loop.time()
        self._will: packets.Will | None = None
        self._ended = False
        self._denials: set[tuple[str, str]] = set()
        self._has_spoken = False
        self._evidence = ""  # what the log says about the decision, until it does
        self._trace_id = str(uuid.uuid4())
        self.terms: Terms | None = None  # set once the client is connected
        self.session: Session | None = None
        self.session_name = ""
        self.user_name: str | None = None
        self.decision: Decision | None = None
        self.valid_until = float("inf")  # Unix time: when the decision must be made again

    # TLS's side

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._last_heard = self._clock()
        self._has_spoken = True
        try:
            for packet in self._decoder.feed(data):
                self._handle(packet)
                if self._ended:
                    return
            self.resume_writing()  # acknowledgements have made room, once for all of them
        except PacketError as error:
            is_denied = error.reason == Reason.NOT_AUTHORIZED
            self.end(error.reason, str(error), "ClientAuthorizationError" if is_denied else "ClientError")

    def connection_lost(self) -> None:
        # Who neither spoke nor showed a certificate only looked whether the port is there.
        tried = self._has_spoken or bool(self.wire.peer_chain)
        if self.terms is None and not self._ended and tried:
            self._record(log_records.CONNECT, "ClientError", "The client closed the connection before CONNECT.")
        self._finish("ConnectionLost", "The connection was lost.")
        self._exchange = None  # which knows this connection: without the circle nothing waits for the garbage collector

    def resume_writing(self) -> None:
        session = self.session
        if session is not None and session.outlet is self._exchange and session.has_waiting:
            session.pump(self._clock())

    # Packets

    def _handle(self, packet: packets.Packet) -> None:
        exchange = self._exchange
        if exchange is None:
            if not isinstance(packet, packets.Connect):
                raise PacketError("The first packet is not CONNECT.", Reason.PROTOCOL_ERROR)
            self._on_connect(packet)
            return
        match packet:
            case Publish():
                exchange.on_publish(packet)
            case Acknowledgement():
                exchange.on_acknowledgement(packet)
            case packets.Subscribe():
                exchange.on_subscribe(packet)
            case packets.Unsubscribe():
                exchange.on_unsubscribe(packet)
            case packets.Ping():
                self.wire.write(writing.PINGRESP)
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
        self._cancel_timer()
        self.user_name, self.session_name = connect.user_name, connect.client_id
        decision = self.decide()
        if not decision.accepted:
            sentence = f"{decision.reason} {decision.fix}".strip()
            refusal: Refusal | None = Refusal(Reason.NOT_AUTHORIZED, sentence, "AuthenticationError")
        else:
            refusal = (
                unsupported(connect)
                or self._session_refusal(connect)
                or self._will_refusal(connect)
                or connack_refusal(connect, maximum_expiry=self._endpoint.maximum_session_expiry_seconds)
            )
        if refusal is not None:
            self._refuse(refusal, connect.version, terms_of(connect, maximum_expiry=0).packet_limit)
            return
        self._accept(connect)

    def decide(self) -> Decision:
        """What the authentication engine says now about this connection's certificate and user name."""
        self.decision, self.valid_until, evidence = self._endpoint.decider.decide(self.wire.peer_chain, self.user_name)
        self._evidence = evidence if self.terms is None else ""
        return self.decision

    @property
    def owner(self) -> str:
        """The key of the authentication name; "" before a CONNECT named one."""
        return authentication_name_key(self.decision.authentication_name) if self.decision is not None else ""

    def _session_refusal(self, connect: packets.Connect) -> Refusal | None:
        client = self.decision.client if self.decision is not None else None
        return session_refusal(
            connect,
            self._endpoint.broker,
            owner=self.owner,
            client_name=client.name if client is not None else "",
            sessions_allowed=self._endpoint.sessions_per_name,
            now=self._clock(),
        )

    def _will_refusal(self, connect: packets.Connect) -> Refusal | None:
        """Event Grid drops a client whose will it may not publish; here it is told why."""
        if connect.will is None:
            return None
        access = self._endpoint.authorisation.may_publish(self.owner, connect.will.topic)
        if access.allowed:
            return None
        return Refusal(Reason.NOT_AUTHORIZED, f"The will: {access.sentence}", "AuthorizationError")

    def _accept(self, connect: packets.Connect) -> None:
        now, broker = self._clock(), self._endpoint.broker
        self.session_name = connect.client_id or uuid.uuid4().hex
        self._endpoint.take_over(self.session_name, self)
        session, present = broker.open(self.session_name, self.owner, clean=connect.clean, now=now)
        self.session = session
        self.terms = terms = terms_of(connect, maximum_expiry=self._endpoint.maximum_session_expiry_seconds)
        self._will = connect.will
        session.expiry_seconds, session.receive_maximum = terms.expiry, terms.receive_maximum
        session.since, session.keep_alive = now, terms.keep_alive
        session.protocol = protocol_of(terms.version, self.wire)
        self._decoder.limit = MAX_PACKET_BYTES
        properties = connack_properties(connect, terms, self.session_name)
        self.wire.write(writing.encode_connack(terms.version, session_present=present, reason=0, properties=properties))
        self._record(log_records.CONNECT, "", self.decision.reason if self.decision else "", succeeded=True)
        self._endpoint.connected(self)
        self._watch_keep_alive()
        self._exchange = Exchange(
            self._endpoint, session, terms, self.wire, clock=self._clock, on_denied=self._record_denial
        )
        session.attach(self._exchange)
        session.pump(now)

    def _refuse(self, refusal: Refusal, version: int, packet_limit: int = MAX_PACKET_BYTES) -> None:
        """CONNACK with the reason, a line in the log, and the end."""
        description = self.decision.reason if self.decision and not self.decision.accepted else refusal.sentence
        self._record(log_records.CONNECT, refusal.signature, description)
        if version == MQTT_5:
            said: packets.Properties = ((Property.REASON_STRING, refusal.sentence[:_REASON_STRING_LENGTH]),)
            answer = writing.encode_connack(MQTT_5, session_present=False, reason=refusal.reason, properties=said)
            if len(answer) > packet_limit:  # MQTT 5, 3.2.2.3.9: then without the sentence
                answer = writing.encode_connack(MQTT_5, session_present=False, reason=refusal.reason)
        else:
            code = RETURN_CODES_3.get(refusal.reason, 5)
            answer = writing.encode_connack(MQTT_3, session_present=False, reason=code)
        if len(answer) <= packet_limit:  # MQTT 5, 3.1.2.11.4: else nothing may be sent
            self.wire.write(answer)
        self._ended = True
        self._cancel_timer()
        self.wire.close()

    def _record(self, operation: str, signature: str, description: str, *, succeeded: bool = False) -> None:
        evidence = NO_EVIDENCE
        if operation == log_records.CONNECT:
            evidence, self._evidence = self._evidence or evidence_of(self.wire.peer_chain, None), ""
        self._endpoint.record(
            record_of(
                operation,
                namespace_id=self._endpoint.namespace_id,
                succeeded=succeeded,
                signature=signature,
                description=description,
                wire=self.wire,
                version=self._decoder.version,
                session_name=self.session_name,
                user_name=self.user_name,
                decision=self.decision,
                evidence=evidence,
                trace_id=self._trace_id,
            )
        )

    def _record_denial(self, operation: str, sentence: str) -> None:
        """Each kind once: a client that repeats itself does not fill the log."""
        kind = (operation, sentence)
        if kind not in self._denials and len(self._denials) < MAX_DENIALS_LOGGED:
            self._denials.add(kind)
            self._record(operation, "AuthorizationError", sentence)

    # The end

    def _on_disconnect(self, packet: packets.Disconnect) -> None:
        assert self.session is not None
        if packets.property_value(packet.properties, Property.USER_PROPERTY) is not None:
            raise PacketError("User properties in DISCONNECT are not supported.", Reason.IMPLEMENTATION_SPECIFIC)
        expiry = packets.property_value(packet.properties, Property.SESSION_EXPIRY)
        if isinstance(expiry, int):
            if expiry and not self.session.expiry_seconds:
                raise PacketError("A session expiry of zero cannot be raised at the end.", Reason.PROTOCOL_ERROR)
            self.session.expiry_seconds = min(expiry, self._endpoint.maximum_session_expiry_seconds)
        if packet.reason == Reason.SUCCESS:
            self._will = None
        self._finish("ClientInitiatedDisconnect", "The client disconnected.")
        self.wire.await_end()  # closing the connection is the client's part (MQTT 5, 3.14.4)

    def end(self, reason: Reason, sentence: str, cause: str) -> None:
        """End this connection from the server's side: MQTT 5 is told the reason, 3.1.1 is closed.

        `cause` is one of Azure's disconnection reasons. Twice is once.
        """
        if self._ended:
            return
        if self.terms is None:
            self._refuse_unread(Refusal(reason, sentence))
            return
        self._finish(cause, sentence)  # first: who sees the end finds it in the log
        if self.terms.version == MQTT_5:
            said = writing.encode_disconnect(reason, sentence[:_REASON_STRING_LENGTH])
            self.wire.write(said if len(said) <= self.terms.packet_limit else writing.encode_disconnect(reason))
        self.wire.close()

    def _refuse_unread(self, refusal: Refusal) -> None:
        """No CONNECT could be read. Who has named a version is answered in it (MQTT 5, 3.1.4; 3.1.1, 3.1.4)."""
        offered = self._decoder.offered_version
        if offered and (offered >= MQTT_5 or refusal.reason == Reason.UNSUPPORTED_PROTOCOL_VERSION):
            self._refuse(refusal, MQTT_5 if offered >= MQTT_5 else MQTT_3)
            return
        self._record(log_records.CONNECT, refusal.signature, refusal.sentence)
        self._ended = True
        self._cancel_timer()
        self.wire.close()

    def _finish(self, cause: str, sentence: str) -> None:
        """Once, however it ended: session, will, log."""
        self._cancel_timer()
        already, self._ended = self._ended, True
        if already or self.session is None:
            self._endpoint.closed(self)
            return
        session, now = self.session, self._clock()
        if session.outlet is self._exchange:
            session.detach(now)
        if self._will is not None:
            self._leave_will(self._will, session)
        if self._endpoint.is_current(self) and not session.expiry_seconds:
            self._endpoint.broker.drop(session)
        self._endpoint.closed(self)
        self._record(log_records.DISCONNECT, cause, sentence, succeeded=True)

    def _leave_will(self, will: packets.Will, session: Session) -> None:
        access = self._endpoint.authorisation.may_publish(session.owner, will.topic)
        if not access.allowed:  # no longer
            self._record_denial(log_records.PUBLISH, access.sentence)
            return
        delay = packets.number(will.properties, Property.WILL_DELAY, 0)
        delay = min(delay, session.expiry_seconds, MAX_WILL_DELAY_SECONDS)
        self._endpoint.publish_will(will, session, delay)

    def _no_connect(self) -> None:
        self.end(Reason.KEEP_ALIVE_TIMEOUT, "The client sent no CONNECT in time.", "ClientError")

    def _watch_keep_alive(self) -> None:
        assert self.terms is not None
        silent, allowed = self._clock() - self._last_heard, self.terms.keep_alive * 1.5
        if silent >= allowed:
            sentence = "Nothing was heard for one and a half keep-alive times."
            self.end(Reason.KEEP_ALIVE_TIMEOUT, sentence, "ConnectionLost")
        elif not self._ended:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(allowed - silent + 0.01, self._watch_keep_alive)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

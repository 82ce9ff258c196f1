"""One MQTT connection, from its first byte to its end.

A CONNECT is received and decoded here, decided in `emulator.mqtt.connect_decision.decision`, and recorded by
`emulator.mqtt.recording.recorder`. Everything after it is `emulator.mqtt.connections.traffic`.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Iterator
from functools import partial
from typing import assert_never

from certificates.authentication.engine import authentication_name_key
from emulator.mqtt.connect_decision.authentication import Verdict
from emulator.mqtt.connect_decision.authentication_methods import auth_refusal
from emulator.mqtt.connect_decision.connack import Refusal, accepting_connack, refusing_connack
from emulator.mqtt.connect_decision.decision import Outcome, decide_answered, decide_connect
from emulator.mqtt.connect_decision.terms import Terms
from emulator.mqtt.connections.protocols import Namespace, Wire
from emulator.mqtt.connections.traffic import Traffic
from emulator.mqtt.connections.undecided import Undecided
from emulator.mqtt.limits import (
    CONNECT_TIMEOUT_SECONDS,
    MAX_FIRST_PACKET_BYTES,
    MAX_PACKET_BYTES,
    MAX_REASON_STRING,
    MAX_WILL_DELAY_SECONDS,
)
from emulator.mqtt.recording.recorder import Recorder
from emulator.mqtt.recording.records import (
    PUBLISH,
    WEBHOOK_AUTHENTICATION,
    evidence_of,
    protocol_name,
    webhook_evidence,
)
from emulator.mqtt.sessions.session import Session
from emulator.mqtt.webhook.answers import Answer
from emulator.mqtt.wire import packets, writing
from emulator.mqtt.wire.packets import MQTT_3, MQTT_5, Acknowledgement, PacketError, Property, Publish, Reason
from emulator.mqtt.wire.reading import Decoder


class Connection:
    """The application on one TLS connection (see `emulator.mqtt.transport.tls.Application`)."""

    __slots__ = (
        "_clock",
        "_decoder",
        "_ended",
        "_has_spoken",
        "_last_heard",
        "_namespace",
        "_recorder",
        "_timer",
        "_traffic",
        "_undecided",
        "_webhook_decided",
        "_will",
        "session",
        "session_name",
        "terms",
        "valid_until",
        "wire",
    )

    def __init__(self, namespace: Namespace, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        self._namespace = namespace
        self.wire = wire
        self._clock = loop.time
        self._decoder = Decoder(limit=MAX_FIRST_PACKET_BYTES)
        self._recorder = Recorder(namespace.namespace_id, namespace.record)
        self._traffic: Traffic | None = None
        self._timer: asyncio.TimerHandle | None = loop.call_later(CONNECT_TIMEOUT_SECONDS, self._on_no_connect)
        self._last_heard = loop.time()
        self._will: packets.Will | None = None
        self._ended = False
        self._has_spoken = False
        self._undecided: Undecided | None = None  # while the webhook is asked
        self._webhook_decided = False
        self.terms: Terms | None = None  # set once the client is connected
        self.session: Session | None = None
        self.session_name = ""
        self.valid_until = float("inf")  # Unix time: when the client must be authenticated again

    # Receive and decode

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._last_heard = self._clock()
        self._has_spoken = True
        if self._undecided is not None:
            if not self._undecided.hold(data):
                sentence = "The client sent too much before its CONNECT was decided."
                self.end(Reason.QUOTA_EXCEEDED, sentence, "ClientError", code="too-much-before-connack")
            return
        self._read(self._decoder.feed(data))

    def _read(self, found: Iterator[packets.Packet]) -> None:
        try:
            for packet in found:
                self._handle(packet)
                if self._ended:
                    return
                if self._undecided is not None:
                    self._undecided.unread = found
                    return
            self.resume_writing()  # acknowledgements have made room, once for all of them
        except PacketError as error:
            is_denied = error.reason == Reason.NOT_AUTHORIZED
            cause = "ClientAuthorizationError" if is_denied else "ClientError"
            self.end(error.reason, str(error), cause, code=error.code)

    def connection_lost(self) -> None:
        # A peer that neither sent anything nor presented a certificate only checked whether the port is open.
        has_tried = self._has_spoken or bool(self.wire.peer_chain)
        if self.terms is None and not self._ended and has_tried:
            self._record_loss()
        self._finish("ConnectionLost", "The connection was lost.", "connection-lost")
        self._traffic = None  # it refers to this connection: without the cycle, no garbage collector is needed

    def resume_writing(self) -> None:
        session = self.session
        if session is not None and session.outlet is self._traffic and session.has_waiting:
            session.pump(self._clock())

    def _handle(self, packet: packets.Packet) -> None:
        traffic = self._traffic
        if traffic is None:
            if not isinstance(packet, packets.Connect):
                raise PacketError("The first packet is not CONNECT.", Reason.PROTOCOL_ERROR)
            self._on_connect(packet)
            return
        match packet:
            case Publish():
                traffic.on_publish(packet)
            case Acknowledgement():
                traffic.on_acknowledgement(packet)
            case packets.Subscribe():
                traffic.on_subscribe(packet)
            case packets.Unsubscribe():
                traffic.on_unsubscribe(packet)
            case packets.Ping():
                self.wire.write(writing.PINGRESP)
            case packets.Disconnect():
                self._on_disconnect(packet)
            case packets.Connect():
                raise PacketError("A second CONNECT on the same connection.", Reason.PROTOCOL_ERROR)
            case packets.Auth():
                raise auth_refusal(packet)
            case _:
                assert_never(packet)

    def _record_loss(self) -> None:
        if self._undecided is None:
            sentence = "The client closed the connection before CONNECT."
            self._record_attempt(Refusal(Reason.UNSPECIFIED, sentence, code="closed-before-connect"))
            return
        sentence = "The client closed the connection before the webhook had decided about its CONNECT."
        evidence = f"{evidence_of(self.wire.peer_chain, None)}, {webhook_evidence(None, self._recorder.trace_id)}"
        self._record_attempt(Refusal(Reason.UNSPECIFIED, sentence, code="closed-before-decision"), evidence)

    # CONNECT: decide, record, answer

    def _on_connect(self, connect: packets.Connect) -> None:
        self._cancel_timer()
        namespace = self._namespace
        outcome = decide_connect(connect, self.wire, namespace, now=self._clock())
        self.session_name = self._recorder.session_name = connect.client_id
        self._recorder.user_name = connect.user_name
        if outcome is not None:
            self._conclude(connect, outcome)
            return
        assert namespace.webhook is not None
        self._undecided = Undecided()
        self._recorder.authentication_type = WEBHOOK_AUTHENTICATION
        request_id = self._recorder.trace_id
        namespace.webhook.ask(connect, self.wire.peer_chain, request_id, partial(self._on_answer, connect))

    def _on_answer(self, connect: packets.Connect, answer: Answer) -> None:
        """Decide by the answer of the webhook, then go on with what the client has sent meanwhile."""
        undecided, self._undecided = self._undecided, None
        if self._ended or undecided is None:
            return
        namespace, recorder = self._namespace, self._recorder
        outcome = decide_answered(connect, self.wire, namespace, answer, recorder.trace_id, now=self._clock())
        self._webhook_decided = True
        if answer.name:
            recorder.authentication_name = answer.name
            recorder.client_name = namespace.authenticator.client_named(answer.name)
        self._conclude(connect, outcome)
        if not self._ended:
            self._read(undecided.unread)
        if undecided.held and not self._ended:
            self.data_received(bytes(undecided.held))

    def _conclude(self, connect: packets.Connect, outcome: Outcome) -> None:
        verdict, refusal = outcome.verdict, outcome.refusal
        if verdict is not None:
            self._recorder.decision, self.valid_until = verdict.decision, verdict.valid_until
            if refusal is None:
                self._accept(connect, outcome.terms, verdict)
                return
        assert refusal is not None
        recorded = verdict.refusal(with_fix=False) if verdict is not None else None
        self._record_attempt(recorded or refusal, verdict.evidence if verdict is not None else "")
        self._close_with(refusing_connack(refusal, connect.version, outcome.terms.packet_limit))

    def _accept(self, connect: packets.Connect, terms: Terms, verdict: Verdict) -> None:
        now, namespace = self._clock(), self._namespace
        self.session_name = self._recorder.session_name = connect.client_id or uuid.uuid4().hex
        namespace.take_over(self.session_name, self)
        owner = authentication_name_key(verdict.name)
        session, is_present = namespace.broker.open(self.session_name, owner, clean=connect.clean, now=now)
        if verdict.answer is not None:  # again: the last session of this name may have ended just now
            namespace.authorization.identify(owner, verdict.answer)
        self.session, self.terms, self._will = session, terms, connect.will
        session.expiry_seconds, session.receive_maximum = terms.expiry, terms.receive_maximum
        session.since, session.keep_alive = now, terms.keep_alive
        session.protocol = protocol_name(terms.version, self.wire.protocol_suffix)
        self._decoder.limit = MAX_PACKET_BYTES
        self.wire.write(
            accepting_connack(connect, terms, self.session_name, namespace.azure, session_present=is_present)
        )
        self._recorder.version = self._decoder.version
        why = verdict.decision.reason if verdict.decision is not None else "The webhook allowed this client."
        self._recorder.connect(self.wire, why, evidence=verdict.evidence, succeeded=True)
        namespace.connected(self)
        namespace.connect_rate.connected(self.session_name, now)
        self._watch_keep_alive()
        self._traffic = Traffic(namespace, session, terms, self.wire, clock=self._clock, on_denied=self._record_denial)
        session.attach(self._traffic)
        namespace.broker.attach(session)
        session.pump(now)

    def _record_attempt(self, refusal: Refusal, evidence: str = "") -> None:
        recorder = self._recorder
        recorder.version = self._decoder.version
        recorder.connect(self.wire, refusal.sentence, signature=refusal.signature, code=refusal.code, evidence=evidence)

    def _record_denial(self, operation: str, sentence: str) -> None:
        self._recorder.denied(self.wire, operation, sentence)

    def _close_with(self, answer: bytes) -> None:
        """End an attempt to connect; `answer` may be empty."""
        if answer:
            self.wire.write(answer)
        self._ended = True
        self._cancel_timer()
        self.wire.close()

    # While connected

    @property
    def peer(self) -> str:
        return self.wire.peer

    @property
    def ca_name(self) -> str:
        """The uploaded CA certificate that the client was accepted by; "" for none."""
        decision = self._recorder.decision
        return decision.anchor if decision is not None else ""

    @property
    def thumbprints(self) -> tuple[str, ...]:
        """The SHA-256 thumbprints of the certificates that the client presented, in hex."""
        return tuple(hashlib.sha256(der).hexdigest() for der in self.wire.peer_chain)

    def authenticate_again(self) -> Refusal | None:
        """Authenticate the client as for a new CONNECT, and return why it is no longer accepted, if so.

        A webhook is not asked again: what it decided holds until the time that it gave.
        """
        if self._webhook_decided:
            if self._namespace.authenticator.judged_at().timestamp() < self.valid_until:
                return None
            sentence = "The time until which the webhook allowed this session has passed."
            return Refusal(Reason.NOT_AUTHORIZED, sentence, "ClientAuthenticationError", "webhook-expired")
        verdict = self._namespace.authenticator.authenticate(self.wire.peer_chain, self._recorder.user_name)
        self._recorder.decision, self.valid_until = verdict.decision, verdict.valid_until
        return verdict.refusal(signature="ClientAuthenticationError", with_fix=False)

    def _watch_keep_alive(self) -> None:
        assert self.terms is not None
        silent, allowed = self._clock() - self._last_heard, self.terms.keep_alive * 1.5
        if silent >= allowed:
            sentence = "Nothing was received for one and a half times the keep-alive."
            self.end(Reason.KEEP_ALIVE_TIMEOUT, sentence, "ConnectionLost", code="keep-alive")
        elif not self._ended:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(allowed - silent + 0.01, self._watch_keep_alive)

    def withdraw(self) -> None:
        """Forget this connection without a record: the client does not speak MQTT."""
        self._cancel_timer()
        self._ended = True
        self._namespace.closed(self)

    # The end

    def _on_disconnect(self, packet: packets.Disconnect) -> None:
        assert self.session is not None
        if packets.property_value(packet.properties, Property.USER_PROPERTY) is not None:
            raise PacketError("User properties in DISCONNECT are not supported.", Reason.IMPLEMENTATION_SPECIFIC)
        expiry = packets.property_value(packet.properties, Property.SESSION_EXPIRY)
        if isinstance(expiry, int):
            if expiry and not self.session.expiry_seconds:
                raise PacketError("A session expiry of zero cannot be raised at the end.", Reason.PROTOCOL_ERROR)
            self.session.expiry_seconds = min(expiry, self._namespace.maximum_session_expiry_seconds)
        if packet.reason == Reason.SUCCESS:
            self._will = None
        self._finish("ClientInitiatedDisconnect", "The client disconnected.", "disconnected")
        self.wire.await_end()  # the client closes the connection (MQTT 5, 3.14.4)

    def end(self, reason: Reason, sentence: str, cause: str, *, code: str = "") -> None:
        """End this connection from the server's side: MQTT 5 gets the reason, 3.1.1 is closed.

        `cause` is one of Azure's disconnection reasons, `code` a stable key for the log. A connection that has ended
        stays as it is.
        """
        if self._ended:
            return
        if self.terms is None:
            self._refuse_unread(Refusal(reason, sentence, code=code))
            return
        self._finish(cause, sentence, code)  # first, so that the log has it when the client sees the end
        if self.terms.version == MQTT_5:
            answer = writing.encode_disconnect(reason, sentence[:MAX_REASON_STRING])
            self.wire.write(answer if len(answer) <= self.terms.packet_limit else writing.encode_disconnect(reason))
        self.wire.close()

    def _refuse_unread(self, refusal: Refusal) -> None:
        """Refuse a client whose CONNECT was not read, in the version that it offered (3.1.4 in MQTT 3.1.1 and 5)."""
        offered, refused = self._decoder.offered_version, self._decoder.refused
        if refused is not None:
            self._recorder.session_name, self._recorder.user_name = refused.client_id, refused.user_name
        self._record_attempt(refusal)
        if offered is not None and (offered >= MQTT_5 or refusal.reason == Reason.UNSUPPORTED_PROTOCOL_VERSION):
            self._close_with(refusing_connack(refusal, MQTT_5 if offered >= MQTT_5 else MQTT_3))
        else:
            self._close_with(b"")

    def _on_no_connect(self) -> None:
        self.end(Reason.KEEP_ALIVE_TIMEOUT, "The client sent no CONNECT in time.", "ClientError", code="no-connect")

    def _finish(self, cause: str, sentence: str, code: str) -> None:
        """Release the session, leave the will and record the end, once."""
        self._cancel_timer()
        already, self._ended = self._ended, True
        if already or self.session is None:
            self._namespace.closed(self)
            return
        session, now = self.session, self._clock()
        if session.outlet is self._traffic:
            self._namespace.broker.detach(session, now)
        if self._will is not None:
            self._leave_will(self._will, session)
        if self._namespace.is_current(self) and not session.expiry_seconds:
            self._namespace.broker.drop(session, now)
        self._namespace.closed(self)
        self._recorder.disconnected(self.wire, cause, sentence, code)

    def _leave_will(self, will: packets.Will, session: Session) -> None:
        access = self._namespace.authorization.may_publish(session.owner, will.topic)
        if not access.allowed:  # the permission was taken away since CONNECT
            self._record_denial(PUBLISH, access.sentence)
            return
        delay = packets.number(will.properties, Property.WILL_DELAY, 0)
        delay = min(delay, session.expiry_seconds, MAX_WILL_DELAY_SECONDS)
        self._namespace.publish_will(will, session, delay)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""PUBLISH, PUBACK, SUBSCRIBE and UNSUBSCRIBE of a connected client, and the messages that go to it.

Sources: MQTT 5.0, sections 3.3, 3.4, 3.8 to 3.11; "MQTT features supported by Azure Event Grid's MQTT broker".
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from emulator.mqtt.connect_decision.terms import Terms
from emulator.mqtt.connections.protocols import Namespace, Wire
from emulator.mqtt.limits import (
    MAX_FILTERS_PER_SUBSCRIBE,
    MAX_REASON_STRING,
    MAX_SUBSCRIPTIONS_PER_SESSION,
    MAX_TOPIC_ALIASES,
)
from emulator.mqtt.recording.records import PUBLISH, SUBSCRIBE
from emulator.mqtt.sessions.message_limits import filter_problem, message_of, message_problem
from emulator.mqtt.sessions.session import Message, Session
from emulator.mqtt.wire import writing
from emulator.mqtt.wire.packets import (
    MQTT_5,
    Acknowledgement,
    PacketError,
    PacketType,
    Property,
    Publish,
    Reason,
    Subscribe,
    Subscription,
    Unsubscribe,
    number,
    property_value,
)
from namespaces.authorization.topic_access import Access
from namespaces.authorization.topics import is_subscription, shared_filter


class Traffic:
    """One connected client's packets. Raises `PacketError` for what ends the connection."""

    __slots__ = ("_aliases", "_checked_topic", "_clock", "_namespace", "_on_denied", "_session", "_terms", "_wire")

    def __init__(
        self,
        namespace: Namespace,
        session: Session,
        terms: Terms,
        wire: Wire,
        *,
        clock: Callable[[], float],
        on_denied: Callable[[str, str], None],
    ) -> None:
        self._namespace = namespace
        self._session = session
        self._terms = terms
        self._wire = wire
        self._clock = clock
        self._on_denied = on_denied  # called with the operation and the sentence, for the log
        self._aliases: dict[int, str] = {}
        self._checked_topic = ""  # of the previous message: most clients publish to one topic

    # To the client: `emulator.mqtt.sessions.session.Outlet`

    @property
    def is_congested(self) -> bool:
        return self._wire.is_congested

    def send(self, message: Message, packet_id: int, now: float, *, duplicate: bool = False) -> bool:
        terms = self._terms
        properties = message.properties if message.expires_at is None else message.properties_at(now)
        data = writing.encode_publish(
            terms.version,
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            packet_id,
            properties,
            duplicate=duplicate,
        )
        if len(data) > terms.packet_limit:
            return False
        self._wire.write(data)
        return True

    # From the client

    def on_publish(self, publish: Publish) -> None:
        session, namespace = self._session, self._namespace
        tally, qos = session.tally, publish.qos
        if publish.properties or qos == 2 or publish.retain or publish.topic != self._checked_topic:
            try:
                publish = self._checked(publish)
            except PacketError as error:
                tally.refuse(publish.topic, qos, self._clock(), str(error))
                raise
            self._checked_topic = publish.topic
        topic = publish.topic
        access = namespace.authorization.may_publish(session.owner, topic)
        if not access.allowed:
            tally.refuse(topic, qos, self._clock(), access.sentence)
            self._deny(publish, access)
            return
        now = self._clock()
        tally.received[qos] += 1
        tally.last_received_topic, tally.last_received_at = topic, now
        namespace.publish(message_of(publish, now, namespace.azure), session, now)
        if qos:
            self._wire.write(writing.encode_puback(self._terms.version, publish.packet_id))

    def _checked(self, publish: Publish) -> Publish:
        """Return the message with its topic resolved. Raise `PacketError` when Event Grid does not accept it."""
        if publish.qos == 2:
            raise PacketError("QoS 2 is not supported. Publish with QoS 0 or 1.", Reason.QOS_NOT_SUPPORTED)
        if publish.retain and not self._namespace.azure.retain:
            raise PacketError("Retained messages are not supported.", Reason.RETAIN_NOT_SUPPORTED)
        if publish.properties:
            publish = self._resolve_alias(publish)
            if property_value(publish.properties, Property.SUBSCRIPTION_IDENTIFIER) is not None:
                raise PacketError("A client may not send a subscription identifier.", Reason.PROTOCOL_ERROR)
        problem = message_problem(publish.topic, publish.properties, self._namespace.azure)
        if problem is not None:
            raise problem
        return publish

    def _deny(self, publish: Publish, access: Access) -> None:
        """Deny a publish: by PUBACK for QoS 1 in MQTT 5; in every other case the connection ends."""
        self._on_denied(PUBLISH, access.sentence)
        if self._terms.version != MQTT_5 or not publish.qos:
            raise PacketError(access.sentence, Reason.NOT_AUTHORIZED)
        encode = partial(writing.encode_puback, MQTT_5, publish.packet_id, Reason.NOT_AUTHORIZED)
        self._answer(encode, access.sentence)

    def _answer(self, encode: Callable[[str], bytes], sentence: str) -> None:
        """Write an answer, with its sentence where the client asked for it and accepts a packet as large (MQTT 5, 3.4.2.2.2)."""
        answer = encode(sentence[:MAX_REASON_STRING] if self._terms.wants_problem_information else "")
        self._wire.write(answer if len(answer) <= self._terms.packet_limit else encode(""))

    def _resolve_alias(self, publish: Publish) -> Publish:
        alias = property_value(publish.properties, Property.TOPIC_ALIAS)
        if not isinstance(alias, int):
            return publish
        if alias > MAX_TOPIC_ALIASES:
            raise PacketError(f"Topic aliases go from 1 to {MAX_TOPIC_ALIASES}.", Reason.TOPIC_ALIAS_INVALID)
        if publish.topic:
            self._aliases[alias] = publish.topic
            return publish
        if alias not in self._aliases:
            raise PacketError(f"The topic alias {alias} was never set.", Reason.PROTOCOL_ERROR)
        return publish._replace(topic=self._aliases[alias])

    def on_acknowledgement(self, packet: Acknowledgement) -> None:
        kind, packet_id, reason, properties = packet
        if kind is not PacketType.PUBACK:
            raise PacketError("This packet is part of QoS 2, which is not supported.", Reason.PROTOCOL_ERROR)
        if reason >= 0x80:  # Event Grid closes the connection
            raise PacketError("The client rejected a message in its PUBACK.", Reason.IMPLEMENTATION_SPECIFIC)
        if properties and property_value(properties, Property.USER_PROPERTY) is not None:
            raise PacketError("User properties in PUBACK are not supported.", Reason.IMPLEMENTATION_SPECIFIC)
        self._session.acknowledge(packet_id)

    def on_subscribe(self, subscribe: Subscribe) -> None:
        identifier = number(subscribe.properties, Property.SUBSCRIPTION_IDENTIFIER, 0)
        if identifier and not self._namespace.azure.subscription_identifiers:
            sentence = "Subscription identifiers are not supported."
            raise PacketError(sentence, Reason.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED)
        if property_value(subscribe.properties, Property.USER_PROPERTY) is not None:
            raise PacketError("User properties in SUBSCRIBE are not supported.", Reason.IMPLEMENTATION_SPECIFIC)
        if len(subscribe.subscriptions) > MAX_FILTERS_PER_SUBSCRIBE:
            raise PacketError(f"A SUBSCRIBE has at most {MAX_FILTERS_PER_SUBSCRIBE} filters.", Reason.QUOTA_EXCEEDED)
        for wanted in subscribe.subscriptions:
            self._check_shared(wanted)
        now = self._clock()
        codes: list[int] = []
        sentences: list[str] = []
        for wanted in subscribe.subscriptions:
            refusal = self._problem_with(wanted)
            if refusal is None:
                codes.append(self._subscribe(wanted, identifier, now))
            else:
                self._session.tally.refuse_subscription(wanted.topic_filter, now, str(refusal))
                codes.append(int(refusal.reason) if self._terms.version == MQTT_5 else 0x80)
                sentences.append(f"{wanted.topic_filter[:100]}: {refusal}")
        self._answer(
            partial(writing.encode_suback, self._terms.version, subscribe.packet_id, codes), " ".join(sentences)
        )
        self._session.pump(now)

    def _check_shared(self, wanted: Subscription) -> None:
        """Raise `PacketError` for a shared subscription that ends the connection."""
        if not self._namespace.azure.shared_subscriptions or shared_filter(wanted.topic_filter) is None:
            return
        if self._terms.version != MQTT_5:
            sentence = "Shared subscriptions need MQTT 5."
            raise PacketError(sentence, Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED)
        if wanted.no_local:  # MQTT 5, 3.8.3.1
            raise PacketError("No Local is not allowed for a shared subscription.", Reason.PROTOCOL_ERROR)

    def _problem_with(self, wanted: Subscription) -> PacketError | None:
        topic_filter, azure = wanted.topic_filter, self._namespace.azure
        if not azure.shared_subscriptions and shared_filter(topic_filter) is not None:
            return PacketError("Shared subscriptions are not supported.", Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED)
        if not is_subscription(topic_filter):
            return PacketError(
                "The topic filter is empty, or has a wildcard in the wrong place.", Reason.TOPIC_FILTER_INVALID
            )
        problem = filter_problem(topic_filter, azure)
        if problem:
            return PacketError(problem, Reason.TOPIC_FILTER_INVALID)
        is_new = topic_filter not in self._session.subscriptions
        if is_new and len(self._session.subscriptions) >= MAX_SUBSCRIPTIONS_PER_SESSION:
            sentence = f"A session has at most {MAX_SUBSCRIPTIONS_PER_SESSION} subscriptions."
            return PacketError(sentence, Reason.QUOTA_EXCEEDED)
        access = self._namespace.authorization.may_subscribe(self._session.owner, topic_filter)
        if not access.allowed:
            self._on_denied(SUBSCRIBE, access.sentence)
            return PacketError(access.sentence, Reason.NOT_AUTHORIZED)
        return None

    def _subscribe(self, wanted: Subscription, identifier: int, now: float) -> int:
        granted = replace(wanted, qos=min(wanted.qos, 1), identifier=identifier)
        is_new = self._namespace.broker.subscribe(self._session, granted)
        if granted.retain_handling == 0 or (granted.retain_handling == 1 and is_new):
            self._session.deliver_retained(self._namespace.broker.retained_for(granted, now))
        return granted.qos

    def on_unsubscribe(self, unsubscribe: Unsubscribe) -> None:
        codes = []
        for topic_filter in unsubscribe.topic_filters:
            found = self._namespace.broker.unsubscribe(self._session, topic_filter)
            if not found and not is_subscription(topic_filter):
                codes.append(int(Reason.TOPIC_FILTER_INVALID))
            else:
                codes.append(int(Reason.SUCCESS if found else Reason.NO_SUBSCRIPTION_EXISTED))
        answer = writing.encode_unsuback(self._terms.version, unsubscribe.packet_id, codes)
        if len(answer) > self._terms.packet_limit:
            raise PacketError(
                "The UNSUBACK would be larger than the client's Maximum Packet Size.", Reason.PACKET_TOO_LARGE
            )
        self._wire.write(answer)

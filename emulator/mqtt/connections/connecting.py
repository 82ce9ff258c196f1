"""CONNECT: what Event Grid's own rules say against it beyond authentication, and the terms a connection gets.

Sources: "MQTT features supported by Azure Event Grid's MQTT broker"; MQTT 5.0, sections 3.1 and 3.2.
"""

from dataclasses import dataclass

from emulator.mqtt.limits import (
    MAX_IN_FLIGHT_INCOMING,
    MAX_IN_FLIGHT_OUTGOING,
    MAX_KEEP_ALIVE_SECONDS,
    MAX_PACKET_BYTES,
    MAX_SESSION_NAME_BYTES,
    MAX_TOPIC_ALIASES,
)
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.sessions.message_limits import message_problem
from emulator.mqtt.wire.packets import MQTT_5, Connect, Properties, Property, Reason, Value, number, property_value
from emulator.mqtt.wire.writing import encode_connack

# MQTT 3.1.1 knows five refusals; what is none of the others is "not authorized".
RETURN_CODES_3 = {
    Reason.UNSUPPORTED_PROTOCOL_VERSION: 1,
    Reason.CLIENT_IDENTIFIER_NOT_VALID: 2,
    Reason.SERVER_BUSY: 3,
    Reason.SERVER_SHUTTING_DOWN: 3,
}
ASSIGNED_ID_LENGTH = 32
LARGEST_CONNACK_BYTES = 65  # of a success, with every property


@dataclass(frozen=True)
class Refusal:
    """`signature` is Azure's word for the kind of failure."""

    reason: Reason
    sentence: str
    signature: str = "ClientError"


@dataclass(frozen=True, slots=True)
class Terms:
    """What endpoint and client have agreed on for one connection. Times in seconds, sizes in bytes."""

    version: int
    keep_alive: int
    expiry: int
    receive_maximum: int
    packet_limit: int
    wants_problem_information: bool


def terms_of(connect: Connect, *, maximum_expiry: int) -> Terms:
    """What the client asked for, cut to what Event Grid allows. MQTT 3.1.1 persistent sessions get the longest expiry."""
    if connect.version == MQTT_5:
        expiry = number(connect.properties, Property.SESSION_EXPIRY, 0)
    else:
        expiry = 0 if connect.clean else maximum_expiry
    return Terms(
        version=connect.version,
        keep_alive=min(connect.keep_alive or MAX_KEEP_ALIVE_SECONDS, MAX_KEEP_ALIVE_SECONDS),
        expiry=min(expiry, maximum_expiry),
        receive_maximum=min(
            number(connect.properties, Property.RECEIVE_MAXIMUM, MAX_IN_FLIGHT_OUTGOING), MAX_IN_FLIGHT_OUTGOING
        ),
        packet_limit=number(connect.properties, Property.MAXIMUM_PACKET_SIZE, MAX_PACKET_BYTES),
        wants_problem_information=bool(number(connect.properties, Property.REQUEST_PROBLEM_INFORMATION, 1)),
    )


def connack_properties(connect: Connect, terms: Terms, session_name: str) -> Properties:
    """What an MQTT 5 client is told: the endpoint's limits, and each wish that was cut."""
    if connect.version != MQTT_5:
        return ()
    found: list[tuple[Property, Value]] = [
        (Property.MAXIMUM_QOS, 1),
        (Property.RECEIVE_MAXIMUM, MAX_IN_FLIGHT_INCOMING),
        (Property.MAXIMUM_PACKET_SIZE, MAX_PACKET_BYTES),
        (Property.TOPIC_ALIAS_MAXIMUM, MAX_TOPIC_ALIASES),
        (Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE, 0),
        (Property.SHARED_SUBSCRIPTION_AVAILABLE, 0),
    ]
    if terms.expiry != number(connect.properties, Property.SESSION_EXPIRY, 0):
        found.append((Property.SESSION_EXPIRY, terms.expiry))
    if not connect.client_id:
        found.append((Property.ASSIGNED_CLIENT_ID, session_name))
    if terms.keep_alive != connect.keep_alive:
        found.append((Property.SERVER_KEEP_ALIVE, terms.keep_alive))
    return tuple(found)


def connack_refusal(connect: Connect, *, maximum_expiry: int) -> Refusal | None:
    """A client that takes no packet as large as its CONNACK would be: what that says cannot be left out, and a packet
    larger than the client takes must not be sent (MQTT 5, 3.1.2.11.4).
    """
    terms = terms_of(connect, maximum_expiry=maximum_expiry)
    if terms.packet_limit >= LARGEST_CONNACK_BYTES:
        return None
    properties = connack_properties(connect, terms, connect.client_id or "0" * ASSIGNED_ID_LENGTH)
    size = len(encode_connack(connect.version, session_present=False, reason=0, properties=properties))
    if size <= terms.packet_limit:
        return None
    sentence = (
        f"The client takes packets of at most {terms.packet_limit} bytes, and its CONNACK has {size}. Raise its Maximum"
        " Packet Size."
    )
    return Refusal(Reason.IMPLEMENTATION_SPECIFIC, sentence)


def unsupported(connect: Connect) -> Refusal | None:
    """What Event Grid does not offer, asked for in a CONNECT."""
    if property_value(connect.properties, Property.AUTHENTICATION_METHOD) is not None:
        sentence = "No authentication method is used with certificates. Connect without one."
        return Refusal(Reason.BAD_AUTHENTICATION_METHOD, sentence)
    if property_value(connect.properties, Property.USER_PROPERTY) is not None:
        sentence = "Event Grid takes no user properties in CONNECT. Send them with messages."
        return Refusal(Reason.IMPLEMENTATION_SPECIFIC, sentence)
    if not connect.client_id and connect.version != MQTT_5 and not connect.clean:
        return Refusal(Reason.CLIENT_IDENTIFIER_NOT_VALID, "A client id (session name) is needed here.")
    if len(connect.client_id.encode()) > MAX_SESSION_NAME_BYTES:
        sentence = f"The client id (session name) is longer than {MAX_SESSION_NAME_BYTES} bytes."
        return Refusal(Reason.CLIENT_IDENTIFIER_NOT_VALID, sentence)
    if connect.will is not None and connect.will.qos == 2:
        return Refusal(Reason.QOS_NOT_SUPPORTED, "A will with QoS 2 is not supported. Use QoS 0 or 1.")
    if connect.will is not None:
        problem = message_problem(connect.will.topic, connect.will.properties)
        if problem is not None:
            return Refusal(problem.reason, f"The will: {problem}")
    return None


def session_refusal(
    connect: Connect, broker: Broker, *, owner: str, client_name: str, sessions_allowed: int, now: float
) -> Refusal | None:
    """Whose session name it is, and whether there is room for one more session."""
    session = broker.find(connect.client_id, now) if connect.client_id else None
    if session is not None:
        if session.owner == owner:
            return None
        sentence = (
            f"The session name {connect.client_id} belongs to another authentication name. Use another client id."
        )
        return Refusal(Reason.NOT_AUTHORIZED, sentence, "AuthorizationError")
    others = broker.count_of_owner(owner, now, besides=connect.client_id)
    if others >= sessions_allowed:
        sentence = (
            f"{client_name} has {others} session{'s' if others > 1 else ''} already, connected or not; the namespace"
            f" allows {sessions_allowed}. Use the same client id again, or raise the namespace's maximum."
        )
        return Refusal(Reason.QUOTA_EXCEEDED, sentence, "QuotaExceeded")
    if broker.is_full:
        return Refusal(Reason.QUOTA_EXCEEDED, "The namespace has all the sessions it can hold.", "QuotaExceeded")
    return None

"""The properties of MQTT 5, how each is encoded, and which packets may have it (MQTT 5, section 2.2.2.2)."""

from emulator.mqtt.wire.packets import PacketError, Property, Reason, Value
from namespaces.authorization.topics import is_topic_name

BYTE, TWO, FOUR, VARIABLE, BINARY, TEXT, PAIR = range(7)
KINDS: dict[Property, int] = {
    Property.PAYLOAD_FORMAT: BYTE,
    Property.MESSAGE_EXPIRY: FOUR,
    Property.CONTENT_TYPE: TEXT,
    Property.RESPONSE_TOPIC: TEXT,
    Property.CORRELATION_DATA: BINARY,
    Property.SUBSCRIPTION_IDENTIFIER: VARIABLE,
    Property.SESSION_EXPIRY: FOUR,
    Property.ASSIGNED_CLIENT_ID: TEXT,
    Property.SERVER_KEEP_ALIVE: TWO,
    Property.AUTHENTICATION_METHOD: TEXT,
    Property.AUTHENTICATION_DATA: BINARY,
    Property.REQUEST_PROBLEM_INFORMATION: BYTE,
    Property.WILL_DELAY: FOUR,
    Property.REQUEST_RESPONSE_INFORMATION: BYTE,
    Property.RESPONSE_INFORMATION: TEXT,
    Property.SERVER_REFERENCE: TEXT,
    Property.REASON_STRING: TEXT,
    Property.RECEIVE_MAXIMUM: TWO,
    Property.TOPIC_ALIAS_MAXIMUM: TWO,
    Property.TOPIC_ALIAS: TWO,
    Property.MAXIMUM_QOS: BYTE,
    Property.RETAIN_AVAILABLE: BYTE,
    Property.USER_PROPERTY: PAIR,
    Property.MAXIMUM_PACKET_SIZE: FOUR,
    Property.WILDCARD_SUBSCRIPTION_AVAILABLE: BYTE,
    Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: BYTE,
    Property.SHARED_SUBSCRIPTION_AVAILABLE: BYTE,
}
IN_MESSAGE = frozenset(
    {
        Property.PAYLOAD_FORMAT,
        Property.MESSAGE_EXPIRY,
        Property.CONTENT_TYPE,
        Property.RESPONSE_TOPIC,
        Property.CORRELATION_DATA,
        Property.USER_PROPERTY,
    }
)
IN_WILL = IN_MESSAGE | {Property.WILL_DELAY}
IN_PUBLISH = IN_MESSAGE | {Property.TOPIC_ALIAS, Property.SUBSCRIPTION_IDENTIFIER}
IN_CONNECT = frozenset(
    {
        Property.SESSION_EXPIRY,
        Property.RECEIVE_MAXIMUM,
        Property.MAXIMUM_PACKET_SIZE,
        Property.TOPIC_ALIAS_MAXIMUM,
        Property.REQUEST_RESPONSE_INFORMATION,
        Property.REQUEST_PROBLEM_INFORMATION,
        Property.USER_PROPERTY,
        Property.AUTHENTICATION_METHOD,
        Property.AUTHENTICATION_DATA,
    }
)
IN_ACK = frozenset({Property.REASON_STRING, Property.USER_PROPERTY})
IN_SUBSCRIBE = frozenset({Property.SUBSCRIPTION_IDENTIFIER, Property.USER_PROPERTY})
IN_UNSUBSCRIBE = frozenset({Property.USER_PROPERTY})
IN_DISCONNECT = IN_ACK | {Property.SESSION_EXPIRY, Property.SERVER_REFERENCE}
IN_AUTH = IN_ACK | {Property.AUTHENTICATION_METHOD, Property.AUTHENTICATION_DATA}
REPEATABLE = frozenset({Property.USER_PROPERTY})

_TRUE_OR_FALSE = frozenset(
    {Property.PAYLOAD_FORMAT, Property.REQUEST_PROBLEM_INFORMATION, Property.REQUEST_RESPONSE_INFORMATION}
)
_NEVER_ZERO = frozenset({Property.RECEIVE_MAXIMUM, Property.MAXIMUM_PACKET_SIZE, Property.SUBSCRIPTION_IDENTIFIER})


def problem_with(name: Property, value: Value) -> PacketError | None:
    """Return why MQTT 5 does not allow this value of a property, or None."""
    if name in _TRUE_OR_FALSE and value not in {0, 1}:
        return PacketError(f"The property {name.name} is neither 0 nor 1.", Reason.PROTOCOL_ERROR)
    if name in _NEVER_ZERO and value == 0:
        return PacketError(f"The property {name.name} is zero.", Reason.PROTOCOL_ERROR)
    if name == Property.TOPIC_ALIAS and value == 0:
        return PacketError("A topic alias is zero.", Reason.TOPIC_ALIAS_INVALID)
    if name == Property.RESPONSE_TOPIC and not is_topic_name(str(value)):
        return PacketError("The response topic is empty or has a wildcard.", Reason.PROTOCOL_ERROR)
    return None

"""CONNACK: what the endpoint answers to a CONNECT.

Sources: MQTT 3.1.1 and MQTT 5.0, section 3.2.
"""

from dataclasses import dataclass

from emulator.mqtt.connect_decision.terms import Terms
from emulator.mqtt.limits import MAX_IN_FLIGHT_INCOMING, MAX_PACKET_BYTES, MAX_REASON_STRING, MAX_TOPIC_ALIASES
from emulator.mqtt.wire.packets import MQTT_3, MQTT_5, Connect, Properties, Property, Reason, Value, number
from emulator.mqtt.wire.writing import encode_connack
from emulator.profile import AzureProfile

LARGEST_CONNACK_BYTES = 67  # of a success, with every property
# MQTT 3.1.1 has five return codes for refusals; any other reason is "not authorized".
_RETURN_CODES_3 = {
    Reason.UNSUPPORTED_PROTOCOL_VERSION: 1,
    Reason.CLIENT_IDENTIFIER_NOT_VALID: 2,
    Reason.SERVER_UNAVAILABLE: 3,
    Reason.SERVER_BUSY: 3,
    Reason.SERVER_SHUTTING_DOWN: 3,
    Reason.CONNECTION_RATE_EXCEEDED: 3,
}
_NOT_AUTHORIZED_3 = 5


@dataclass(frozen=True)
class Refusal:
    """Why a CONNECT is refused. `signature` is Azure's term for the kind of failure, `code` a stable key for it."""

    reason: Reason
    sentence: str
    signature: str = "ClientError"
    code: str = ""


def connack_properties(connect: Connect, terms: Terms, session_name: str, azure: AzureProfile) -> Properties:
    """Return the properties of a CONNACK: the endpoint's limits, and each value of the client that was cut."""
    if connect.version != MQTT_5:
        return ()
    found: list[tuple[Property, Value]] = [
        (Property.MAXIMUM_QOS, 1),
        (Property.RECEIVE_MAXIMUM, MAX_IN_FLIGHT_INCOMING),
        (Property.MAXIMUM_PACKET_SIZE, MAX_PACKET_BYTES),
        (Property.TOPIC_ALIAS_MAXIMUM, MAX_TOPIC_ALIASES),
        (Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE, int(azure.subscription_identifiers)),
        (Property.SHARED_SUBSCRIPTION_AVAILABLE, int(azure.shared_subscriptions)),
    ]
    if not azure.retain:
        found.append((Property.RETAIN_AVAILABLE, 0))
    if terms.expiry != number(connect.properties, Property.SESSION_EXPIRY, 0):
        found.append((Property.SESSION_EXPIRY, terms.expiry))
    if not connect.client_id:
        found.append((Property.ASSIGNED_CLIENT_ID, session_name))
    if terms.keep_alive != connect.keep_alive:
        found.append((Property.SERVER_KEEP_ALIVE, terms.keep_alive))
    return tuple(found)


def accepting_connack(
    connect: Connect, terms: Terms, session_name: str, azure: AzureProfile, *, session_present: bool = False
) -> bytes:
    """Return the CONNACK of a client that is connected."""
    properties = connack_properties(connect, terms, session_name, azure)
    return encode_connack(terms.version, session_present=session_present, reason=0, properties=properties)


def refusing_connack(refusal: Refusal, version: int, packet_limit: int = MAX_PACKET_BYTES) -> bytes:
    """Return the CONNACK with the reason; without its sentence, or empty, where the client accepts only smaller packets
    (MQTT 5, 3.2.2.3.9 and 3.1.2.11.4).
    """
    if version == MQTT_5:
        sentence: Properties = ((Property.REASON_STRING, refusal.sentence[:MAX_REASON_STRING]),)
        answer = encode_connack(MQTT_5, session_present=False, reason=refusal.reason, properties=sentence)
        if len(answer) > packet_limit:
            answer = encode_connack(MQTT_5, session_present=False, reason=refusal.reason)
    else:
        code = _RETURN_CODES_3.get(refusal.reason, _NOT_AUTHORIZED_3)
        answer = encode_connack(MQTT_3, session_present=False, reason=code)
    return answer if len(answer) <= packet_limit else b""

"""Rules of Event Grid and MQTT that a CONNECT must meet beyond authentication.

Each function returns a `Refusal`, or None when its rule is met.

Sources: "MQTT features supported by Azure Event Grid's MQTT broker"; MQTT 5.0, sections 3.1 and 3.2.
"""

from emulator.mqtt.authorization.topics import Authorization
from emulator.mqtt.connect_decision.connack import LARGEST_CONNACK_BYTES, Refusal, accepting_connack
from emulator.mqtt.connect_decision.terms import Terms
from emulator.mqtt.limits import MAX_SESSION_NAME_BYTES
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.sessions.message_limits import message_problem
from emulator.mqtt.wire.packets import MQTT_5, Connect, Property, Reason, property_value
from emulator.profile import AzureProfile

ASSIGNED_ID_LENGTH = 32


def connack_refusal(connect: Connect, terms: Terms, azure: AzureProfile) -> Refusal | None:
    """Refuse a client whose Maximum Packet Size is smaller than its CONNACK.

    A larger packet must not be sent (MQTT 5, 3.1.2.11.4), and no property of this CONNACK can be left out.
    """
    if terms.packet_limit >= LARGEST_CONNACK_BYTES:
        return None
    size = len(accepting_connack(connect, terms, connect.client_id or "0" * ASSIGNED_ID_LENGTH, azure))
    if size <= terms.packet_limit:
        return None
    sentence = (
        f"The client accepts packets of at most {terms.packet_limit} bytes, and its CONNACK has {size}. Raise its Maximum"
        " Packet Size."
    )
    return Refusal(Reason.IMPLEMENTATION_SPECIFIC, sentence, code="connack-too-large")


def unsupported_feature(connect: Connect, azure: AzureProfile) -> Refusal | None:
    """Refuse a CONNECT that asks for what Event Grid does not offer."""
    if property_value(connect.properties, Property.USER_PROPERTY) is not None:
        sentence = "Event Grid does not support user properties in CONNECT. Send them with messages."
        return Refusal(Reason.IMPLEMENTATION_SPECIFIC, sentence, code="user-properties")
    if not connect.client_id and connect.version == MQTT_5 and not azure.assigned_client_ids:
        sentence = f"Azure {azure.name} assigned no client ids. Connect with a client id (session name)."
        return Refusal(Reason.CLIENT_IDENTIFIER_NOT_VALID, sentence, code="no-session-name")
    if not connect.client_id and connect.version != MQTT_5 and not connect.clean:
        sentence = "A session that is kept needs a client id (session name)."
        return Refusal(Reason.CLIENT_IDENTIFIER_NOT_VALID, sentence, code="no-session-name")
    if len(connect.client_id.encode()) > MAX_SESSION_NAME_BYTES:
        sentence = f"The client id (session name) is longer than {MAX_SESSION_NAME_BYTES} bytes."
        return Refusal(Reason.CLIENT_IDENTIFIER_NOT_VALID, sentence, code="session-name-too-long")
    if connect.will is not None and connect.will.qos == 2:
        sentence = "A will with QoS 2 is not supported. Use QoS 0 or 1."
        return Refusal(Reason.QOS_NOT_SUPPORTED, sentence, code="will-qos")
    if connect.will is not None and connect.will.retain and not azure.retain:
        sentence = "Retained messages are not supported. Connect with a will that is not retained."
        return Refusal(Reason.RETAIN_NOT_SUPPORTED, sentence, code="will-retain")
    if connect.will is not None:
        problem = message_problem(connect.will.topic, connect.will.properties, azure)
        if problem is not None:
            return Refusal(problem.reason, f"The will: {problem}", code="will-limits")
    return None


def session_refusal(
    connect: Connect, broker: Broker, *, owner: str, client_name: str, sessions_allowed: int, now: float
) -> Refusal | None:
    """Refuse a session name that belongs to another client, and a session more than the namespace allows."""
    session = broker.find(connect.client_id, now) if connect.client_id else None
    if session is not None:
        if session.owner == owner:
            return None
        sentence = (
            f"The session name {connect.client_id} belongs to another authentication name. Use another client id."
        )
        return Refusal(Reason.NOT_AUTHORIZED, sentence, "AuthorizationError", "session-name-taken")
    others = broker.count_of_owner(owner, now, besides=connect.client_id)
    if others >= sessions_allowed:
        sentence = (
            f"{client_name} has {others} session{'s' if others > 1 else ''} already, connected or not; the namespace"
            f" allows {sessions_allowed}. Use the same client id again, or raise the namespace's maximum."
        )
        return Refusal(Reason.QUOTA_EXCEEDED, sentence, "QuotaExceeded", "too-many-sessions")
    if broker.is_full:
        sentence = "The namespace has reached its maximum number of sessions."
        return Refusal(Reason.QUOTA_EXCEEDED, sentence, "QuotaExceeded", "namespace-full")
    return None


def will_refusal(connect: Connect, authorization: Authorization, owner: str) -> Refusal | None:
    """Refuse a will that its client may not publish. Event Grid drops the client without a reason."""
    if connect.will is None:
        return None
    access = authorization.may_publish(owner, connect.will.topic)
    if access.allowed:
        return None
    return Refusal(Reason.NOT_AUTHORIZED, f"The will: {access.sentence}", "AuthorizationError", "will-not-permitted")

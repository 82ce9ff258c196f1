"""Event Grid's limits on a message: its topic and its properties ("Quotas and limits", MQTT)."""

from emulator.mqtt.limits import (
    MAX_PROPERTY_BYTES,
    MAX_TOPIC_BYTES,
    MAX_USER_PROPERTIES_BYTES,
)
from emulator.mqtt.sessions.session import Message
from emulator.mqtt.wire.packets import PacketError, Properties, Property, Publish, Reason, Will, number
from emulator.profile import AzureProfile
from namespaces.authorization.topics import filter_within

_BOUNDED = {Property.CONTENT_TYPE, Property.RESPONSE_TOPIC, Property.CORRELATION_DATA}
_NOT_THE_MESSAGES_OWN = {Property.TOPIC_ALIAS, Property.WILL_DELAY}


def topic_problem(topic: str, azure: AzureProfile) -> str:
    """Return why Event Grid does not accept a topic; "" when it does."""
    if topic.count("/") >= azure.max_topic_segments:
        return f"The topic has more than {azure.max_topic_segments} segments."
    if len(topic) > MAX_TOPIC_BYTES or (not topic.isascii() and len(topic.encode()) > MAX_TOPIC_BYTES):
        return f"The topic is longer than {MAX_TOPIC_BYTES} bytes."
    return ""


def filter_problem(topic_filter: str, azure: AzureProfile) -> str:
    """Return why Event Grid does not accept a topic filter; "" when it does. Of a shared one, what follows its group
    counts.
    """
    within = filter_within(topic_filter)
    if len(topic_filter.encode()) - len(within.encode()) > MAX_TOPIC_BYTES:
        return f"The group of the shared subscription is longer than {MAX_TOPIC_BYTES} bytes."
    return topic_problem(within, azure)


def message_problem(topic: str, properties: Properties, azure: AzureProfile) -> PacketError | None:
    """Return why Event Grid does not accept a message, with the reason code; None when it does."""
    problem = topic_problem(topic, azure)
    if problem:
        return PacketError(problem, Reason.TOPIC_NAME_INVALID)
    if not properties:
        return None
    user_bytes = 0
    for name, value in properties:
        if isinstance(value, tuple):
            user_bytes += len(value[0].encode()) + len(value[1].encode())
        elif name in _BOUNDED and not isinstance(value, int):
            size = len(value.encode()) if isinstance(value, str) else len(value)
            if size > MAX_PROPERTY_BYTES:
                sentence = f"The property {name.name} is longer than {MAX_PROPERTY_BYTES} bytes."
                return PacketError(sentence, Reason.QUOTA_EXCEEDED)
    if user_bytes > MAX_USER_PROPERTIES_BYTES:
        sentence = f"The user properties are larger than {MAX_USER_PROPERTIES_BYTES} bytes."
        return PacketError(sentence, Reason.QUOTA_EXCEEDED)
    return None


def message_of(published: Publish | Will, now: float, azure: AzureProfile) -> Message:
    """Return the message of a PUBLISH or a will, as subscribers get it. `now`: seconds on the broker's clock.

    An expiry of zero seconds means "never" to Event Grid, unlike MQTT 5.
    """
    properties = published.properties
    expires_at = None
    if properties:
        properties = tuple((n, v) for n, v in properties if n not in _NOT_THE_MESSAGES_OWN)
        expiry = number(properties, Property.MESSAGE_EXPIRY, -1)
        least = 1 if azure.message_expiry_zero_is_never else 0
        expires_at = now + expiry if expiry >= least else None
    return Message(published.topic, published.payload, published.qos, published.retain, properties, expires_at)

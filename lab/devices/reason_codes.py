"""Reason codes as the standards number them. Sources: MQTT 5 (2.4), MQTT 3.1.1 (3.2.2.3)."""

from paho.mqtt.reasoncodes import ReasonCode

# paho-mqtt translates the return codes of 3.1.1 to reason codes of 5, which is not what was received.
_RETURN_CODES = {
    "Success": (0, "Connection accepted"),
    "Unsupported protocol version": (1, "unacceptable protocol version"),
    "Client identifier not valid": (2, "identifier rejected"),
    "Server unavailable": (3, "server unavailable"),
    "Bad user name or password": (4, "bad user name or password"),
    "Not authorized": (5, "not authorized"),
}


def connack_code(reason: ReasonCode, *, is_v5: bool) -> tuple[str, str]:
    """Return number and words of a CONNACK."""
    words = reason.getName()
    if is_v5:
        return f"0x{reason.value:02X}", words
    number, own_words = _RETURN_CODES.get(words, (reason.value, words))
    return str(number), own_words


def code_of(reason: ReasonCode) -> tuple[str, str]:
    """Return number and words of another packet's reason code."""
    return f"0x{reason.value:02X}", reason.getName()

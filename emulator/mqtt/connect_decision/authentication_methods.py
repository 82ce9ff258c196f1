"""Authentication methods of MQTT 5 that a client may ask for. None is offered here: clients authenticate by certificate.

Sources: "Authenticate with MQTT broker using OAuth 2.0 JWT" and "Microsoft Entra JWT authentication" (CUSTOM-JWT, OAUTH2-JWT,
and AUTH with reason code 25 to renew the token); MQTT 5.0, sections 3.15 and 4.12.
"""

import re

from emulator.mqtt.connect_decision.connack import Refusal
from emulator.mqtt.recording.records import AUTHENTICATION_METHOD
from emulator.mqtt.wire.packets import Auth, Connect, PacketError, Property, Reason, text

TOKEN_METHODS = {
    "CUSTOM-JWT": "with a token of your identity provider (OAuth 2.0 JWT)",
    "OAUTH2-JWT": "with a token of Microsoft Entra ID",
}
_ADVICE = (
    "This endpoint authenticates clients by certificate only: connect with a client certificate, and without an authentication"
    " method."
)
# Long or unusual text may be a token in the wrong field, which must not be logged.
_LOOKS_LIKE_A_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+/-]{0,39}", re.ASCII)


def method_refusal(connect: Connect) -> Refusal | None:
    """Refuse a client that asks for an authentication method."""
    method = text(connect.properties, Property.AUTHENTICATION_METHOD)
    if method is None:
        return None
    sentence = f"The client asks to authenticate {_described(method)}. {_ADVICE}"
    return Refusal(Reason.BAD_AUTHENTICATION_METHOD, sentence, "AuthenticationError", AUTHENTICATION_METHOD)


def auth_refusal(auth: Auth) -> PacketError:
    """Return why an AUTH packet ends the connection of a client that authenticated by certificate."""
    method = text(auth.properties, Property.AUTHENTICATION_METHOD)
    if method is None:
        return PacketError("An AUTH packet has no authentication method.", Reason.PROTOCOL_ERROR)
    wish = "renew its authentication" if auth.reason == Reason.RE_AUTHENTICATE else "authenticate"
    sentence = f"The client asks by AUTH to {wish} {_described(method)}. {_ADVICE}"
    return PacketError(sentence, Reason.BAD_AUTHENTICATION_METHOD, code=AUTHENTICATION_METHOD)


def _described(method: str) -> str:
    known = TOKEN_METHODS.get(method.upper())
    if known is not None:
        return f"{known}: {method.upper()}"
    if _LOOKS_LIKE_A_NAME.fullmatch(method):
        return f"by the method {method}"
    return "by an unknown method"

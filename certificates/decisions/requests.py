"""What is asked: read the body that a namespace posts to its webhook for one CONNECT. Pure.

A broken envelope is the fault of whatever sent it, and raises EnvelopeError. What a device got wrong (no
certificate, a broken or huge one, a long name) is a part of a sound request: the engine refuses it, with its step.

`password` and `authenticationData` are secrets of the device. They are dropped when the body is read, and nothing looks at them.

Source: Azure Event Grid "mqtt-client-webhook-authentication" (fields and their types).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certificates.decisions.json_text import StrictJSONError, read_object
from certificates.x509.containers import from_base64, pem_blocks

MAX_BODY = 262_144  # bytes; ten certificates of the largest size that the engine reads have about 160,000
SECRETS = ("password", "authenticationData")
_TEXTS = ("clientId", "userName", "authenticationMethod", "clientCertificate", "clientCertificateChain")

ENVELOPE_FAULTS: Mapping[str, str] = {
    "body-too-large": f"The request has more than {MAX_BODY:,} bytes.",
    "body-not-json": "The request is not a JSON object in UTF-8 that has each name once.",
    "client-id-missing": "The request has no clientId.",
    "field-type": "A field of the request has the wrong type.",
}


class EnvelopeError(Exception):
    """The body is not a request of custom webhook authentication. `code` is a key of ENVELOPE_FAULTS."""

    def __init__(self, code: str) -> None:
        super().__init__(ENVELOPE_FAULTS[code])
        self.code = code
        self.sentence = ENVELOPE_FAULTS[code]


@dataclass(frozen=True)
class ConnectRequest:
    """One CONNECT as the engine takes it.

    `presented`: the client certificate as DER, None where the client sent none, b"" where it cannot be read. `chain`: the further
    certificates as DER. `user_name`: None where there is none. `method`: the MQTT 5 authentication method, or "".
    """

    client_id: str
    user_name: str | None
    presented: bytes | None
    chain: tuple[bytes, ...]
    method: str = ""


def read_request(body: bytes) -> ConnectRequest:
    """Return the CONNECT that a body describes. Raise EnvelopeError.

    Argument: `body`, as it was sent, of at most MAX_BODY bytes: the caller reads no more than that. Unknown fields are ignored,
    since Microsoft adds some.
    """
    if len(body) > MAX_BODY:
        raise EnvelopeError("body-too-large")
    try:
        fields = read_object(body)
    except StrictJSONError as fault:
        raise EnvelopeError("body-not-json") from fault
    for name in SECRETS:
        fields.pop(name, None)
    texts = {name: _text(fields, name) for name in _TEXTS}
    if texts["clientId"] is None:
        raise EnvelopeError("client-id-missing")
    certificates = _ders(texts["clientCertificate"])
    return ConnectRequest(
        client_id=texts["clientId"],
        user_name=texts["userName"] or None,
        presented=certificates[0] if certificates else None,
        chain=(*certificates[1:], *filter(None, _ders(texts["clientCertificateChain"]))),
        method=texts["authenticationMethod"] or "",
    )


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise EnvelopeError("field-type")
    return value


def _ders(text: str | None) -> tuple[bytes, ...]:
    """Return the certificates of PEM text; for text that has none, one that is empty, so that the engine refuses it.

    Blocks with other labels are dropped, a private key among them.
    """
    if text is None or not text.strip():
        return ()
    blocks = pem_blocks(text.encode("utf-8", "replace"))
    return tuple(from_base64(body) for label, body in blocks if label == "CERTIFICATE") or (b"",)

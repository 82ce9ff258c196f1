"""Why TLS handshakes fail, as the connection log names it."""

from typing import NamedTuple

from OpenSSL import SSL


class HandshakeFailure(NamedTuple):
    """Why a TLS handshake failed: a stable key and a sentence."""

    code: str
    sentence: str


TOOK_TOO_LONG = HandshakeFailure("tls-timeout", "The TLS handshake took too long.")
CLOSED = HandshakeFailure("tls-closed", "The client closed the connection during the TLS handshake.")
_FAILURES = {
    "http request": ("tls-plain-http", "The client spoke plain HTTP to the TLS port."),
    "wrong version number": ("tls-not-spoken", "The client did not speak TLS; MQTT without TLS is not offered."),
    "no shared cipher": ("tls-no-shared-cipher", "Client and endpoint share no cipher."),
    "unsupported protocol": ("tls-old-version", "The client offers only TLS versions before 1.2."),
    "tlsv1 alert unknown ca": (
        "tls-endpoint-not-trusted",
        "The client does not trust this endpoint's certificate: give it the endpoint's CA file.",
    ),
    "sslv3 alert bad certificate": ("tls-endpoint-rejected", "The client rejected this endpoint's certificate."),
    "sslv3 alert certificate unknown": ("tls-endpoint-rejected", "The client rejected this endpoint's certificate."),
}


def failure_of(error: SSL.Error) -> HandshakeFailure:
    """Return the failure that OpenSSL's error means."""
    details = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reason = str(details[-1][-1]) if details else ""
    unknown = ("tls-failed", f"The TLS handshake failed: {reason or 'the connection was cut'}.")
    return HandshakeFailure(*_FAILURES.get(reason, unknown))

"""Why TLS handshakes fail, as the connection log names it."""

from typing import NamedTuple

from OpenSSL import SSL

from emulator.mqtt.transport.server_context import SUITES_1_2, SUITES_1_3


class HandshakeFailure(NamedTuple):
    """Why a TLS handshake failed: a stable key and a sentence."""

    code: str
    sentence: str


TOOK_TOO_LONG = HandshakeFailure("tls-timeout", "The TLS handshake took too long.")
CLOSED = HandshakeFailure("tls-closed", "The client closed the connection during the TLS handshake.")
NO_SHARED_SUITE = (
    "The client offers none of this endpoint's cipher suites. Enable one of these in the client, for TLS 1.3:"
    f" {', '.join(SUITES_1_3)}; for TLS 1.2: {', '.join(SUITES_1_2)}."
)
NO_SHARED_SIGNATURE = (
    "The client accepts no signature of this endpoint's certificates. Enable one of these in the client:"
    " ecdsa_secp384r1_sha384 for the P-384 certificate, rsa_pss_rsae_sha256 (in TLS 1.2 also RSA with SHA-256) for the RSA one."
)
_FAILURES = {
    "http request": ("tls-plain-http", "The client spoke plain HTTP to the TLS port."),
    "wrong version number": ("tls-not-spoken", "The client did not speak TLS; MQTT without TLS is not offered."),
    "no shared cipher": ("tls-no-shared-cipher", NO_SHARED_SUITE),
    "no suitable signature algorithm": ("tls-no-shared-signature", NO_SHARED_SIGNATURE),
    "no shared signature algorithms": ("tls-no-shared-signature", NO_SHARED_SIGNATURE),
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

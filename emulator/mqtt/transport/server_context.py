"""The TLS context of a listener.

Sources: "Transport Layer Security (TLS) connection with MQTT broker" (a P-384 EC or an RSA 2048 certificate, by what the
client offers); Microsoft's staff in emqx/emqx#12758 (the suites of TLS 1.3, and ECDHE for TLS 1.2). The list of the latter is
cut off in every copy that we found: docs/policy.md has our choice.
"""

from collections.abc import Iterable

from OpenSSL import SSL, crypto

from emulator.authority import CertificateFiles

# The shorter key first: it is as good here, and its handshake costs less on both sides.
SUITES_1_3 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384")
# EC before RSA, so that a client with both gets the certificate that Azure prefers.
SUITES_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES256-SHA384",
)


def server_context(certificates: Iterable[CertificateFiles]) -> SSL.Context:
    """A server context for TLS 1.2 and 1.3 that asks for a client certificate and accepts any, or none.

    OpenSSL presents the one of `certificates`, each with a key of another kind, that the client's suites and signature
    algorithms allow. Sessions are not resumed: a resumed one has no client certificate.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    for files in certificates:
        context.use_certificate_chain_file(str(files.certificate))
        context.use_privatekey_file(str(files.key))
        context.check_privatekey()
    context.set_verify(SSL.VERIFY_PEER, _accept_any)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle connection needs no buffers
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_tls13_ciphersuites(":".join(SUITES_1_3).encode())
    context.set_cipher_list(":".join(SUITES_1_2).encode())
    context.set_options(
        SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    return context


def _accept_any(_c: SSL.Connection, _x: crypto.X509, _error: int, _depth: int, _ok: int) -> bool:
    return True

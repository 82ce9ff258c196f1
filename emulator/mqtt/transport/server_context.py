"""The TLS context of a listener."""

from pathlib import Path

from OpenSSL import SSL, crypto

# The shorter key first: it is as good here, and its handshake costs less on both sides.
_CIPHERS_1_3 = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"


def server_context(certificate: Path, key: Path) -> SSL.Context:
    """A server context for TLS 1.2 and 1.3 that asks for a client certificate and accepts any, or none.

    Arguments: PEM files of the server's certificate (chain) and key.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(str(certificate))
    context.use_privatekey_file(str(key))
    context.check_privatekey()
    context.set_verify(SSL.VERIFY_PEER, _accept_any)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle connection needs no buffers
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_tls13_ciphersuites(_CIPHERS_1_3)
    context.set_options(
        SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    return context


def _accept_any(_c: SSL.Connection, _x: crypto.X509, _error: int, _depth: int, _ok: int) -> bool:
    return True

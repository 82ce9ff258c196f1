"""The private keys that the tests bring in every container, and what of them must be found nowhere afterwards."""

from base64 import b64decode
from collections.abc import Iterator
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.certificates.key_uploads import key_files
from tests.certificates.uploads import RSA_SENSOR, SENSOR
from tests.key_traces import KeyTraces


@cache
def all_key_files() -> tuple[tuple[str, bytes], ...]:
    """`key_files`, the same bytes each time: a key under a passphrase is another text whenever it is written."""
    return tuple(key_files())


def watch_brought_keys(traces: KeyTraces) -> None:
    """Look for the keys of the upload fixtures, and for the bytes of those under a passphrase."""
    for identity in (SENSOR, RSA_SENSOR):
        assert isinstance(identity.key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        traces.add(identity.key, anywhere=True)
    for packed in _under_a_passphrase():
        traces.add_bytes(packed[len(packed) // 2 :][:32])


def _under_a_passphrase() -> Iterator[bytes]:
    for name, data in all_key_files():
        if name.endswith(("with a passphrase", "PKCS#12", "PKCS#12 as base64")):
            body = b"".join(line for line in data.splitlines() if b":" not in line and not line.startswith(b"--"))
            yield b64decode(body) if b"-----" in data or name.endswith("base64") else data

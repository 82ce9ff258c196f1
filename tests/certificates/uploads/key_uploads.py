"""Private keys in every container that people bring them in: all of them are refused, before anything else is looked at."""

import gzip
import io
import json
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tests.certificates.uploads import LINE, RSA_SENSOR, SENSOR, in_one_line, uploads
from tests.support.certificates.chains import Identity
from tests.support.certificates.der import element, sequence

PASSPHRASE = BestAvailableEncryption(b"plant floor")


def key_of(identity: Identity, encoding: Encoding, form: PrivateFormat, *, locked: bool = False) -> bytes:
    assert identity.key is not None
    lock: KeySerializationEncryption = PASSPHRASE if locked else NoEncryption()
    return identity.key.private_bytes(encoding, form, lock)


@cache
def key_files() -> tuple[tuple[str, bytes], ...]:
    """Private keys in every container, each with a name; the same bytes each time, though each encryption gives others."""
    return tuple(_key_files())


def _key_files() -> Iterator[tuple[str, bytes]]:
    pem, pkcs1_or_sec1, pkcs8 = Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8
    for kind, identity in (("EC", SENSOR), ("RSA", RSA_SENSOR)):
        traditional = key_of(identity, pem, pkcs1_or_sec1)
        plain = key_of(identity, pem, pkcs8)
        der = key_of(identity, Encoding.DER, pkcs8)
        yield f"{kind}: traditional PEM", traditional
        yield f"{kind}: traditional PEM with a passphrase", key_of(identity, pem, pkcs1_or_sec1, locked=True)
        yield f"{kind}: traditional DER", key_of(identity, Encoding.DER, pkcs1_or_sec1)
        yield f"{kind}: PKCS#8 PEM", plain
        yield f"{kind}: PKCS#8 PEM with a passphrase", key_of(identity, pem, pkcs8, locked=True)
        yield f"{kind}: PKCS#8 DER", der
        yield f"{kind}: PKCS#8 DER with a passphrase", key_of(identity, Encoding.DER, pkcs8, locked=True)
        yield f"{kind}: PKCS#8 base64 without armour", b64encode(der)
        yield f"{kind}: PKCS#8 as hex", der.hex(":").encode()
        yield f"{kind}: PKCS#8 under the label of a certificate", plain.replace(b"PRIVATE KEY", b"CERTIFICATE")
        yield f"{kind}: OpenSSH", key_of(identity, pem, PrivateFormat.OpenSSH)
        yield f"{kind}: PKCS#12", pkcs12_of(identity)
        yield f"{kind}: PKCS#12 as base64", b64encode(pkcs12_of(identity))
        yield f"{kind}: after its certificate", identity.pem + plain
        yield f"{kind}: before the certificates, in one line", in_one_line(plain + identity.pem)
        yield f"{kind}: as UTF-16", plain.decode().encode("utf-16")
        yield f"{kind}: out of JSON", json.dumps({"cert": identity.pem.decode(), "key": plain.decode()}).encode()
        yield f"{kind}: cut off", plain[: len(plain) // 2]
        yield f"{kind}: behind a DER certificate", identity.der + plain
    yield from keys_beside_certificates()
    yield from keys_without_armour()
    yield from keys_encoded_twice()
    yield from keys_in_archives()
    yield "behind a mark of UTF-16, as plain text", b"\xfe\xff\n" + key_of(SENSOR, pem, pkcs8)
    yield "JSON Web Key", json.dumps(private_jwk()).encode()
    yield "JSON Web Key Set", json.dumps({"keys": [private_jwk()]}, indent=2).encode()
    yield (
        "PuTTY",
        b"PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\nEncryption: none\nComment: line\nPublic-Lines: 1\nAAAA\n",
    )
    yield "PGP", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----\n"
    yield "Java key store", bytes.fromhex("feedfeed0000000200000001") + b"\x00" * 40
    yield "ZIP with a key file", zip_of("sensor-1.key", key_of(SENSOR, pem, pkcs8))
    yield "ZIP with a PKCS#12 file in a folder", zip_of("certs/sensor-1.pfx", pkcs12_of(SENSOR))
    yield "ZIP with a key under another name, not packed", zip_of("notes.txt", key_of(SENSOR, pem, pkcs8), packed=False)
    yield "an old PKCS#8 with version 1", element(0x30, b"\x02\x01\x01" + sequence(b"\x06\x03\x2b\x65\x70") + b"\x04\x22" + b"\x04\x20" + b"\x07" * 32)  # fmt: skip


def der_keys() -> Iterator[tuple[str, bytes]]:
    """A key in each of the shapes that DER has for one."""
    for kind, identity in (("EC", SENSOR), ("RSA", RSA_SENSOR)):
        traditional = "SEC1" if kind == "EC" else "PKCS#1"
        yield f"{kind} {traditional}", key_of(identity, Encoding.DER, PrivateFormat.TraditionalOpenSSL)
        yield f"{kind} PKCS#8", key_of(identity, Encoding.DER, PrivateFormat.PKCS8)
        yield f"{kind} PKCS#8 with a passphrase", key_of(identity, Encoding.DER, PrivateFormat.PKCS8, locked=True)
        yield f"{kind} PKCS#12", pkcs12_of(identity)


def in_lines(data: bytes) -> bytes:
    body = b64encode(data)
    return b"".join(body[at : at + 64] + b"\n" for at in range(0, len(body), 64))


def under_label(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + in_lines(der) + f"-----END {label}-----\n".encode()


def keys_beside_certificates() -> Iterator[tuple[str, bytes]]:
    """What would be taken for a certificate, if nobody looked behind it."""
    for shape, der in der_keys():
        yield f"{shape}: DER behind a DER certificate", LINE.der + der
        yield f"{shape}: DER behind a PEM certificate", LINE.pem + der
        yield f"{shape}: behind the certificate inside its block", under_label("CERTIFICATE", LINE.der + der)
        yield f"{shape}: base64 without armour behind a PEM certificate", LINE.pem + in_lines(der)
        yield f"{shape}: behind 60 certificates", LINE.pem * 60 + under_label("PKCS12", der)
        yield f"{shape}: behind a line break", b"\n" + der
        yield f"{shape}: behind a byte order mark", b"\xef\xbb\xbf" + der
        yield f"{shape}: behind other text", b"this is the one\n" + der
    pem, traditional = Encoding.PEM, PrivateFormat.TraditionalOpenSSL
    for kind, key in (
        ("PKCS#8", key_of(SENSOR, pem, PrivateFormat.PKCS8)),
        ("PKCS#8 with a passphrase", key_of(SENSOR, pem, PrivateFormat.PKCS8, locked=True)),
        ("SEC1", key_of(SENSOR, pem, traditional)),
        ("SEC1 with a passphrase", key_of(SENSOR, pem, traditional, locked=True)),
        ("OpenSSH", key_of(SENSOR, pem, PrivateFormat.OpenSSH)),
    ):
        headless = key.split(b"\n", 1)[1]
        yield f"{kind}: without its BEGIN line, behind a certificate", LINE.pem + headless
        yield f"{kind}: with four dashes, behind a certificate", LINE.pem + key.replace(b"-----", b"----")
        yield f"{kind}: with typographic dashes", key.replace(b"-----", "\u2014\u2014\u2013".encode())
        yield (
            f"{kind}: with typographic dashes, behind a certificate",
            LINE.pem + key.replace(b"-----", "\u2014\u2014".encode()),
        )
        yield f"{kind}: with dashes of Windows' code page", LINE.pem + key.replace(b"-----", b"\x97\x97")
        yield f"{kind}: in small letters", key.lower()


def keys_without_armour() -> Iterator[tuple[str, bytes]]:
    pem = Encoding.PEM
    plain = key_of(SENSOR, pem, PrivateFormat.PKCS8)
    for kind, identity in (("EC", SENSOR), ("RSA", RSA_SENSOR)):
        locked = key_of(identity, pem, PrivateFormat.TraditionalOpenSSL, locked=True)
        yield f"{kind}: the headers of a traditional PEM with a passphrase", b"\n".join(locked.splitlines()[1:-1])
        yield (
            f"{kind}: the bare body of a traditional PEM with a passphrase",
            b"\n".join(line for line in locked.splitlines() if b"-" not in line and b":" not in line),
        )
        yield (
            f"{kind}: base64 among words",
            b"here is my key:\n" + in_lines(key_of(identity, Encoding.DER, PrivateFormat.PKCS8)) + b"Regards\n",
        )
    yield "in a file larger than 1 MB", plain + b"x" * 1_048_576
    yield (
        "UTF-16 without a mark, behind other letters",
        ("Schl\u00fcssel \u043a\u043b\u044e\u0447\n" + plain.decode()).encode("utf-16-le"),
    )
    yield "UTF-32", plain.decode().encode("utf-32")
    yield "UTF-32 without a mark", plain.decode().encode("utf-32-be")
    yield "printed by openssl", b"Private-Key: (256 bit)\npriv:\n    00:ab:cd\npub:\n    04:01\n"


def keys_encoded_twice() -> Iterator[tuple[str, bytes]]:
    plain = key_of(SENSOR, Encoding.PEM, PrivateFormat.PKCS8)
    pkcs12 = b64encode(pkcs12_of(SENSOR)).decode()
    yield "a PEM file as base64", b64encode(plain)
    yield "a PEM file without its BEGIN line as base64", b64encode(plain.split(b"\n", 1)[1])
    yield "a PEM file as hex", plain.hex().encode()
    values = {"tls.crt": b64encode(LINE.pem).decode(), "tls.key": b64encode(plain).decode()}
    yield "a Kubernetes secret", json.dumps({"kind": "Secret", "data": values}).encode()
    yield "a Kubernetes secret in YAML", "".join(f"  {name}: {value}\n" for name, value in values.items()).encode()
    yield "PKCS#12 in JSON", json.dumps({"pfx": pkcs12}).encode()
    yield "PKCS#12 in JSON with escaped slashes", json.dumps({"pfx": pkcs12}).replace("/", "\\/").encode()
    yield "JSON Web Key as base64", b64encode(json.dumps(private_jwk()).encode())
    yield "JSON Web Key with single quotes", str(private_jwk()).encode()


def keys_in_archives() -> Iterator[tuple[str, bytes]]:
    for shape, der in der_keys():
        for how, is_packed in (("packed", True), ("not packed", False)):
            yield f"ZIP with a key under another name, {how}: {shape}", zip_of("notes.bin", der, packed=is_packed)
    yield "ZIP with a PEM key under another name, packed", zip_of("notes.txt", SENSOR.pem + SENSOR.key_pem)
    yield "gzip", gzip.compress(SENSOR.key_pem)


def private_jwk() -> dict[str, str]:
    assert isinstance(SENSOR.key, ec.EllipticCurvePrivateKey)
    number = SENSOR.key.private_numbers().private_value
    return {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": b64encode(number.to_bytes(32, "big")).decode()}


def pkcs12_of(identity: Identity) -> bytes:
    key = cast(ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, identity.key)
    return pkcs12.serialize_key_and_certificates(b"client", key, identity.certificate, None, PASSPHRASE)


def zip_of(name: str, data: bytes, *, packed: bool = True) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as made:
        made.writestr("read me.txt", "certificates of line 1")
        made.writestr(name, data)
    return archive.getvalue()


def write_corpus(folder: Path) -> Path:
    """Every fixture of modest size as a file, for a fuzzer to start from."""
    seeds = [upload.data for upload in uploads() if 0 < len(upload.data) < 20_000] + [data for _, data in key_files()]
    for number, data in enumerate(seeds):
        (folder / str(number)).write_bytes(data)
    return folder

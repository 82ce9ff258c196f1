"""Just enough DER to make the certificates that no library will make: weak hashes, odd serial numbers, version 1."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

SIGNATURE_OIDS = {
    ("RSA", "SHA-1"): "1.2.840.113549.1.1.5",
    ("RSA", "MD5"): "1.2.840.113549.1.1.4",
    ("EC", "SHA-1"): "1.2.840.10045.4.1",
    # ECDSA with MD5 has no OID of its own: MD5 needs an RSA key.
}
DIGESTS: dict[str, hashes.HashAlgorithm] = {"SHA-1": hashes.SHA1(), "MD5": hashes.MD5(), "": hashes.SHA256()}
NULL = b"\x05\x00"


def element(tag: int, value: bytes) -> bytes:
    """One DER element with a definite, shortest length."""
    size = len(value)
    if size < 0x80:
        return bytes([tag, size]) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def children(der: bytes) -> list[bytes]:
    """The elements inside one constructed element, each with its tag and length."""
    start, end = _value(der, 0)
    found = []
    while start < end:
        after = _value(der, start)[1]
        found.append(der[start:after])
        start = after
    return found


def _value(der: bytes, at: int) -> tuple[int, int]:
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[start : start + count], "big")
        start += count
    return start, start + length


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytearray([first * 40 + second])
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.insert(0, 0x80 | (number & 0x7F))
        body += bytes(septets)
    return element(0x06, bytes(body))


def sequence(*parts: bytes) -> bytes:
    return element(0x30, b"".join(parts))


def signed_again(
    certificate: bytes,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    *,
    digest: str = "",
    serial: bytes = b"",
    version_1: bool = False,
) -> bytes:
    """The same certificate with parts changed and the signature renewed.

    `digest`: "SHA-1" or "MD5"; `serial`: the bytes of the INTEGER, also negative; `version_1`: without version and
    extensions.
    """
    to_be_signed, algorithm, _ = children(certificate)
    parts = children(to_be_signed)
    if digest:
        algorithm = _algorithm(key, digest)
        parts[2] = algorithm
    if serial:
        parts[1] = element(0x02, serial)
    if version_1:
        parts = [part for part in parts if part[0] not in {0xA0, 0xA3}]
    to_be_signed = sequence(*parts)
    signature = _sign(to_be_signed, key, digest)
    return sequence(to_be_signed, algorithm, element(0x03, b"\x00" + signature))


def _algorithm(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, digest: str) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return sequence(oid(SIGNATURE_OIDS["RSA", digest]), NULL)
    return sequence(oid(SIGNATURE_OIDS["EC", digest]))


def _sign(data: bytes, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, digest: str) -> bytes:
    algorithm = DIGESTS[digest]
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), algorithm)
    return key.sign(data, ec.ECDSA(algorithm, deterministic_signing=True))

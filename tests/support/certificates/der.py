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
    swap: tuple[bytes, bytes] = (b"", b""),
    explicit_curve: bool = False,
) -> bytes:
    """The same certificate with parts changed and the signature renewed.

    `swap`: bytes to replace by as many others; `explicit_curve`: a key on P-256 with the curve's parameters;
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
    if explicit_curve:
        place = 6 if parts[0][0] == 0xA0 else 5
        parts[place] = sequence(sequence(oid("1.2.840.10045.2.1"), P_256), children(parts[place])[1])
    if version_1:
        parts = [part for part in parts if part[0] not in {0xA0, 0xA3}]
    to_be_signed = sequence(*parts)
    if swap[0]:
        assert swap[0] in to_be_signed
        assert len(swap[0]) == len(swap[1])
        to_be_signed = to_be_signed.replace(*swap)
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


def _integer(digits: str) -> bytes:
    return element(0x02, bytes.fromhex(digits).lstrip(b"\x00") if digits < "8" else b"\x00" + bytes.fromhex(digits))


# The parameters of P-256 (SEC 2, section 2.4.2), as `openssl genpkey -pkeyopt ec_param_enc:explicit` writes them.
_P = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
P_256 = sequence(
    _integer("01"),
    sequence(oid("1.2.840.10045.1.1"), _integer(_P)),
    sequence(
        element(0x04, bytes.fromhex(_P[:-1] + "c")),
        element(0x04, bytes.fromhex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")),
    ),
    element(
        0x04,
        bytes.fromhex(
            "04"
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
        ),
    ),
    _integer("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    _integer("01"),
)

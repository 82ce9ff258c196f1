"""Where the parts of a certificate lie in its DER, and the two that nearly every certificate has in one shape. Pure.

The library parses every certificate, and judges it. But it makes an object of each part of each name and builds each key,
which costs more than all that a verdict asks of them; what has the usual shape, byte for byte, is read here instead.
Everything else stays the library's to read. Source: RFC 5280 section 4.1, ITU-T X.690 (DER).
"""

import re
from typing import NamedTuple


class Outline(NamedTuple):
    """The encoded signature algorithm, issuer, subject and public key; empty where the bytes have another shape."""

    serial_number_is_positive: bool
    signature_algorithm: bytes
    issuer: bytes
    subject: bytes
    key: bytes


_UNKNOWN = Outline(True, b"", b"", b"", b"")
_NOT_POSITIVE = Outline(False, b"", b"", b"", b"")


def read_outline(der: bytes) -> Outline:
    """The outline of a certificate, of which only the beginning needs to be sound: the parser says what is wrong with it.

    The serial number is looked at here because the parser only deprecates what RFC 5280 forbids.
    """
    try:
        at = _start(der, _start(der, 0))  # Certificate, TBSCertificate
        if der[at] == 0xA0:  # the version
            at = _end(der, at)
        start, end = _start(der, at, 0x02), _end(der, at)
        if start >= end or end > len(der):
            return _UNKNOWN
        if der[start] & 0x80 or not any(der[start:end]):
            return _NOT_POSITIVE
        issuer = _end(der, end)
        validity = _end(der, issuer)
        subject = _end(der, validity)
        key = _end(der, subject)
        return Outline(True, der[end:issuer], der[issuer:validity], der[subject:key], der[key : _end(der, key)])
    except (IndexError, ValueError):
        return _UNKNOWN


def _start(der: bytes, at: int, tag: int = 0x30) -> int:
    """Where the value of the element at `at` starts. Raises `ValueError` when it has another tag."""
    if der[at] != tag:
        raise ValueError("Another element was expected.")
    length = der[at + 1]
    return at + 2 if length < 0x80 else at + 2 + (length & 0x7F)


def _end(der: bytes, at: int) -> int:
    """Where the element at `at` ends."""
    length = der[at + 1]
    if length < 0x80:
        return at + 2 + length
    if length == 0x81:
        return at + 3 + der[at + 2]
    if length == 0x82:
        return at + 4 + (der[at + 2] << 8 | der[at + 3])
    raise ValueError("Longer than what is outlined.")


_PLAIN_VALUE = re.compile(rb"[A-Za-z0-9](?:[A-Za-z0-9 ._:/@-]{0,62}[A-Za-z0-9])?")


def plain_common_name(name: bytes) -> str:
    """The value of an encoded name that is one common name in UTF-8 with nothing to escape; "" for every other name."""
    size = len(name)
    if not 13 < size < 0x80 or name[:13] != b"0%c1%c0%c\x06\x03\x55\x04\x03\x0c%c" % (
        size - 2,
        size - 4,
        size - 6,
        size - 13,
    ):
        return ""
    value = name[13:]
    return value.decode("ascii") if _PLAIN_VALUE.fullmatch(value) else ""


# SubjectPublicKeyInfo of an RSA key with the exponent 65537: all but the modulus, by the size of the whole.
_RSA_START = bytes.fromhex("30820000300d06092a864886f70d01010105000382000000308200000282000000")
_RSA_END = bytes.fromhex("0203010001")


def _usual_rsa(bits: int) -> tuple[bytes, int]:
    modulus = bits // 8 + 1  # with the zero before the highest bit
    start = bytearray(_RSA_START)
    for at, size in ((2, modulus + 33), (21, modulus + 14), (26, modulus + 9), (30, modulus)):
        start[at : at + 2] = size.to_bytes(2, "big")
    return bytes(start), bits


_USUAL_RSA = {
    len(start) + bits // 8 + len(_RSA_END): (start, bits) for start, bits in map(_usual_rsa, (2048, 3072, 4096))
}


def usual_rsa_bits(key: bytes) -> int:
    """The size of an RSA key of 2048, 3072 or 4096 bits in its usual encoding; 0 for every other key."""
    start, bits = _USUAL_RSA.get(len(key), (b"", 0))
    if not bits or not key.startswith(start) or not key.endswith(_RSA_END):
        return 0
    is_sound = key[len(start)] & 0x80 and key[-len(_RSA_END) - 1] & 1  # as long as it says, and odd
    return bits if is_sound else 0

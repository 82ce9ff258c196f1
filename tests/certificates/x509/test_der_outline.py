"""What is read from a certificate's bytes in passing is what the library reads."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from certificates.authentication.chain import verify_chain
from certificates.authentication.paths import TrustAnchors
from certificates.x509.certificate import load_certificate
from certificates.x509.der_outline import plain_common_name, read_outline, usual_rsa_bits
from tests.support.chains import AT, authority

KINDS = st.sampled_from([_ASN1Type.UTF8String, _ASN1Type.PrintableString, _ASN1Type.BMPString, _ASN1Type.T61String])
OIDS = st.sampled_from([NameOID.COMMON_NAME, NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.SERIAL_NUMBER])
VALUES = st.text(alphabet='aZ09 ._:/@-,+"\\<>;=#é\u0131\u202e', min_size=1, max_size=64) | st.from_regex(
    r"[A-Za-z0-9 ._:/@-]{1,64}", fullmatch=True
)


def attribute(oid: x509.ObjectIdentifier, value: str, kind: _ASN1Type) -> x509.NameAttribute[str]:
    try:
        value.encode("ascii" if kind in {_ASN1Type.PrintableString, _ASN1Type.T61String} else "utf-16-be")
    except UnicodeEncodeError:
        kind = _ASN1Type.UTF8String
    return x509.NameAttribute(oid, value, kind)


@given(st.lists(st.lists(st.tuples(OIDS, VALUES, KINDS), min_size=1, max_size=2), max_size=3))
def test_a_name_is_read_as_the_library_reads_it_or_left_to_it(
    parts: list[list[tuple[x509.ObjectIdentifier, str, _ASN1Type]]],
) -> None:
    name = x509.Name([x509.RelativeDistinguishedName({attribute(*p) for p in rdn}) for rdn in parts])
    found = plain_common_name(name.public_bytes())
    if found:
        assert name.rfc4514_string() == f"CN={found}"
        assert [a.value for a in name] == [found]


def test_the_usual_name_is_read() -> None:
    for text in ("x", "sensor-1", "Contoso Line 7 CA", "a" * 64, "a:b@c.example/d"):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        assert plain_common_name(name.public_bytes()) == text


@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA 2048", "RSA 3072", "Ed25519"])
def test_the_parts_lie_where_the_library_finds_them(kind: str) -> None:
    leaf = authority("Line CA", key=kind).issue("sensor-1", key=kind, dns=["sensor-1.example"])
    parsed = leaf.certificate
    key = parsed.public_key()
    outline = read_outline(leaf.der)
    assert outline.serial_number_is_positive
    assert (outline.issuer, outline.subject) == (parsed.issuer.public_bytes(), parsed.subject.public_bytes())
    assert outline.key == key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert usual_rsa_bits(outline.key) == (key.key_size if isinstance(key, rsa.RSAPublicKey) else 0)


def test_an_rsa_key_of_another_shape_is_left_to_the_library() -> None:
    usual = read_outline(authority("Line CA", key="RSA 2048").der).key
    even = usual[:-6] + bytes([usual[-6] & 0xFE]) + usual[-5:]
    short = usual[:33] + b"\x7f" + usual[34:]
    other_exponent = usual[:-1] + b"\x03"
    for odd in (even, short, other_exponent, usual[:-1], usual + b"\x00", b""):
        assert usual_rsa_bits(odd) == 0
    assert usual_rsa_bits(usual) == 2048


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda tail: b"\x30\x82\x01\x00\x30\x82\x00\x80" + tail))
def test_no_bytes_break_it(data: bytes) -> None:
    read_outline(data)
    plain_common_name(data)
    usual_rsa_bits(data)


def test_every_beginning_of_a_certificate_is_safe() -> None:
    der = authority("Line CA").der
    for size in range(0, len(der), 3):
        read_outline(der[:size])


def test_threads_that_verify_at_different_moments_do_not_disturb_each_other() -> None:
    line = authority("Line CA")
    leaf = load_certificate(line.issue("sensor-1").der)
    anchors = TrustAnchors([("line-ca", line.der)])
    moments = [AT, AT - timedelta(days=36_500)] * 200

    def verified(number: int) -> bool:
        return verify_chain(leaf, (), anchors, at=moments[number]).verified

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(verified, range(len(moments)))) == [True, False] * 200

"""Notations of certificates."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from cryptography import x509

from certificates.x509.reading import (
    DecodingError,
    from_azure_pem,
    from_request_pem,
    from_stored_pem,
    load_certificate,
    to_azure_pem,
    to_pem,
)
from tests.certificates.uploads import LINE, RSA_LINE, SENSOR
from tests.support.certificates.chains import name_of


def test_what_is_sent_to_azure_has_no_line_breaks() -> None:
    sent = to_azure_pem(LINE.der)
    assert sent.startswith("-----BEGIN CERTIFICATE-----MII")
    assert sent.endswith("-----END CERTIFICATE-----")
    assert not set(sent) & set("\r\n")


def test_what_is_shown_has_64_columns() -> None:
    lines = to_pem(RSA_LINE.der).splitlines()
    assert to_pem(RSA_LINE.der).encode() == RSA_LINE.pem
    assert {len(line) for line in lines[1:-2]} == {64}


@pytest.mark.parametrize(
    "text",
    [
        to_azure_pem(LINE.der),
        to_pem(LINE.der),
        to_pem(LINE.der).replace("\n", "\r\n"),
        "".join(to_pem(LINE.der).splitlines()[1:-1]),
        to_pem(LINE.der).replace("\n", "\\n"),
    ],
)
def test_azures_answer_is_read_in_any_notation(text: str) -> None:
    assert from_azure_pem(text) == LINE.der


@pytest.mark.parametrize("text", [b64encode(LINE.pem).decode(), to_pem(LINE.der).replace("\n", "\\n")])
def test_a_request_that_holds_pem_encoded_again_is_refused_by_name(text: str) -> None:
    assert from_azure_pem(text) == LINE.der
    with pytest.raises(DecodingError) as refusal:
        from_request_pem(text)
    assert refusal.value.code == "other-notation"
    assert (refusal.value.detail == "encoded-twice") == ("\\" not in text)


@pytest.mark.parametrize(
    "text",
    [
        to_azure_pem(LINE.der),
        to_pem(LINE.der),
        to_azure_pem(LINE.der)[:-30],
        to_azure_pem(LINE.der[:-5]),
        to_azure_pem(LINE.der + b"more"),
        to_azure_pem(b"no certificate"),
        to_azure_pem(LINE.der) + to_azure_pem(SENSOR.der),
        "",
        "no certificate",
    ],
)
def test_what_is_stored_is_read_like_azures_answer(text: str) -> None:
    assert outcome(from_stored_pem, text) == outcome(from_azure_pem, text)


def outcome(read: Callable[[str], bytes], text: str) -> bytes | str:
    try:
        return read(text)
    except DecodingError as fault:
        return fault.code


def test_two_certificates_in_azures_answer_are_refused() -> None:
    with pytest.raises(DecodingError) as refusal:
        from_azure_pem(to_pem(LINE.der) + to_pem(SENSOR.der))
    assert refusal.value.code == "several-certificates"


def test_every_name_of_a_certificate_is_read() -> None:
    leaf = LINE.issue(
        "sensor-1",
        subject=name_of("C=DE", "O=Plant", "CN=a+SERIALNUMBER=7", "CN=b"),
        dns=["a.example", "b.example"],
        uris=["urn:a"],
        ips=["192.0.2.1", "2001:db8::1"],
        emails=["a@example.com"],
    )
    facts = load_certificate(leaf.der)
    assert facts.common_names == ("a", "b")
    assert (facts.dns_names, facts.uris, facts.emails) == (("a.example", "b.example"), ("urn:a",), ("a@example.com",))
    assert facts.ip_addresses == ("192.0.2.1", "2001:db8::1")
    names = {name: text for name, _, text in facts.extensions}
    assert names["subjectAltName"].startswith("DNS:a.example, DNS:b.example, URI:urn:a, IP:192.0.2.1")


def with_extension(oid: str, value: bytes) -> bytes:
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
    return LINE.issue("odd", ca=None, aki=None, purposes=None, extensions=[(extension, False)]).der


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        ("2.5.29.17", b"\x30\x02\xa3\x00"),  # an X.400 address as alternative name
        ("2.5.29.17", b"\x30\x03\x87\x01\x7f"),  # an IP address of one byte
        ("2.5.29.17", b"\x30\x03\x82\x01\xfc"),  # a DNS name in Latin-1
        ("2.5.29.17", b"\x30"),  # cut off
        ("2.5.29.35", b"\x30"),
        ("2.5.29.32", b"\x30"),  # policies cut off
        ("2.5.29.31", b"\x01"),
        ("1.3.6.1.5.5.7.1.1", b"\x05\x00"),
    ],
)
def test_an_unreadable_part_that_nothing_uses_does_not_matter(oid: str, value: bytes) -> None:
    odd = load_certificate(with_extension(oid, value))
    assert odd.common_names == ("odd",)
    assert odd.dns_names == odd.ip_addresses == ()
    assert len(odd.extensions) == 3


def test_of_several_alternative_names_the_readable_ones_count() -> None:
    odd = load_certificate(with_extension("2.5.29.17", b"\x30\x08\xa3\x00\x82\x01a\x87\x01\x7f"))
    assert odd.dns_names == ("a",)


@pytest.mark.parametrize("oid", ["2.5.29.19", "2.5.29.37"])
def test_unreadable_rules_are_refused(oid: str) -> None:
    with pytest.raises(DecodingError) as refusal:
        load_certificate(with_extension(oid, b"\x30"))
    assert refusal.value.code == "broken-certificate"

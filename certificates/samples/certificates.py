"""Build the certificates of a sample chain, valid or deliberately faulty. Pure; the caller provides the keys.

Sources: the guide "MQTT client authentication using CA certificate chain" (what the step CLI makes), RFC 5280, RFC 5758
(ECDSA's identifiers).
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates.samples.names import DNS, ClientName, fits_subject
from certificates.x509.containers import read_element

_BACKDATED = timedelta(minutes=5)  # because device clocks are rarely exact
_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_WITH_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


@dataclass(frozen=True)
class Issuer:
    """A name and the key it signs with."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Span:
    """When client certificates are valid: from `at` until `lifetime` after the moment at which they are judged."""

    at: datetime
    lifetime: timedelta
    ahead: timedelta = timedelta()  # of that moment

    @property
    def judged_at(self) -> datetime:
        return self.at + self.ahead


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def ca_certificate(
    own: Issuer, issuer: Issuer, *, at: datetime, lifetime: timedelta, path_length: int
) -> x509.Certificate:
    """Return a CA certificate for `own`, signed by `issuer`, valid from five minutes before `at`."""
    return (
        _builder(own.name, own.key, issuer, at - _BACKDATED, at + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(issuer.key, hashes.SHA256())
    )


def client_certificate(
    name: ClientName, key: ec.EllipticCurvePrivateKey, issuer: Issuer, span: Span
) -> x509.Certificate:
    """Return a client certificate with the name where its scheme reads it, and with the fault of `name`."""
    not_before, not_after = span.at - _BACKDATED, span.judged_at + span.lifetime
    if name.fault == "expired":
        not_before, not_after = span.at - timedelta(days=31), span.at - timedelta(days=1)
    if name.fault == "not-yet-valid":
        not_before = span.judged_at + timedelta(days=30)
        not_after = not_before + span.lifetime
    text = name.authentication_name.swapcase() if name.fault == "wrong-case" else name.authentication_name
    in_subject = fits_subject(text) and name.fault != "wrong-san-kind"
    builder = _builder(named(text if in_subject else "sample client"), key, issuer, not_before, not_after)
    general = _general_name(text, name)
    if general is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([general]), critical=False)
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH]
    if name.fault != "wrong-purpose":
        purposes.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    certificate = (
        builder.add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    return _signed_with_sha1(certificate, issuer.key) if name.fault == "sha-1" else certificate


def _general_name(text: str, name: ClientName) -> x509.GeneralName | None:
    scheme = name.validation_scheme
    if name.fault == "wrong-san-kind" and text.isascii():
        return x509.UniformResourceIdentifier(text) if scheme == DNS else x509.DNSName(text)
    match scheme:
        case "UriMatchesAuthenticationName":
            return x509.UniformResourceIdentifier(text)
        case "IpMatchesAuthenticationName":
            return x509.IPAddress(ipaddress.ip_address(text))
        case "EmailMatchesAuthenticationName":
            return x509.RFC822Name(text)
        case _:
            return x509.DNSName(text) if text.isascii() else None


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: Issuer,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _signed_with_sha1(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Return the same certificate signed with SHA-1, which the library's builder refuses to do."""
    to_be_signed = certificate.tbs_certificate_bytes
    outer = read_element(to_be_signed)
    assert outer is not None
    to_be_signed = _element(0x30, to_be_signed[outer[1] :].replace(_WITH_SHA256, _WITH_SHA1, 1))
    signature = key.sign(to_be_signed, ec.ECDSA(hashes.SHA1()))  # noqa: S303  deliberately weak: it is to be refused
    der = _element(0x30, to_be_signed + _WITH_SHA1 + _element(0x03, b"\x00" + signature))
    return x509.load_der_x509_certificate(der)


def _element(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big") if size > 0xFF else bytes([0x81, size])
    return bytes([tag]) + length + value


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)

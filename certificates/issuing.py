"""Sample chains, as the guide makes them with the step CLI: a root, an intermediate, and client certificates.

Pure: keys are made in memory, handed out once, and kept nowhere. Sources: the guide "MQTT client authentication using
CA certificate chain" (step certificate create, --not-after 2400h), RFC 5280.
"""

import io
import ipaddress
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates.authentication import SCHEMES_BY_VALUE
from certificates.decoding import to_pem

DEFAULT_LIFETIME = timedelta(hours=2400)
MAX_COMMON_NAME = 64  # ub-common-name of RFC 5280
MAX_CLIENTS = 20
_BACKDATED = timedelta(minutes=5)  # clocks of devices are rarely exact


class IssuingError(ValueError):
    """A name that cannot stand in a certificate in the asked way. `field` is "name" or "scheme"."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True)
class ClientName:
    """A client to make a certificate for: its authentication name and the validation scheme it will use."""

    authentication_name: str
    validation_scheme: str = "SubjectMatchesAuthenticationName"


@dataclass(frozen=True)
class SampleCertificate:
    """A certificate with its key. `thumbprint`: SHA-256, 64 lower-case hex digits. `file_name` has no extension."""

    file_name: str
    subject: str
    certificate_der: bytes
    key_pem: bytes
    thumbprint: str

    @property
    def certificate_pem(self) -> str:
        return to_pem(self.certificate_der)


@dataclass(frozen=True)
class SampleChain:
    """Root, intermediate, and one certificate for each client in the order asked for."""

    root: SampleCertificate
    intermediate: SampleCertificate
    clients: tuple[SampleCertificate, ...]
    names: tuple[ClientName, ...]
    not_after: datetime


def make_sample_chain(
    names: Sequence[ClientName], *, at: datetime, lifetime: timedelta = DEFAULT_LIFETIME, label: str = "MqttAppSamples"
) -> SampleChain:
    """Make a root, an intermediate (path length 0), and a client certificate for each name.

    Arguments: `names`, 1 to 20; `at`, the aware moment from which they count; `lifetime` of the client certificates (the
    CAs live longer); `label`, the first word of the CA names. Raises `IssuingError` for a name that cannot be used.
    """
    if not 1 <= len(names) <= MAX_CLIENTS:
        raise IssuingError("name", f"Give one to {MAX_CLIENTS} client authentication names.")
    for name in names:
        check_client_name(name)
    at = at.astimezone(UTC).replace(microsecond=0)
    root_key, intermediate_key = _new_key(), _new_key()
    root_name, intermediate_name = _subject(f"{label} Root CA"), _subject(f"{label} Intermediate CA")
    root = _ca(root_name, root_key, root_name, root_key, at, lifetime * 4, path_length=1)
    intermediate = _ca(intermediate_name, intermediate_key, root_name, root_key, at, lifetime * 2, path_length=0)
    clients = []
    for index, name in enumerate(names, start=1):
        key = _new_key()
        certificate = _client(name, key, intermediate_name, intermediate_key, at, lifetime)
        clients.append(_sample(f"client{index}-{_file_part(name.authentication_name)}", certificate, key))
    return SampleChain(
        _sample("root_ca", root, root_key),
        _sample("intermediate_ca", intermediate, intermediate_key),
        tuple(clients),
        tuple(names),
        at + lifetime,
    )


def check_client_name(name: ClientName) -> None:
    """Raise `IssuingError` when the authentication name cannot stand where its validation scheme looks for it."""
    text, scheme = name.authentication_name, name.validation_scheme
    if scheme not in SCHEMES_BY_VALUE:
        raise IssuingError("scheme", f"{scheme} is not one of the six validation schemes.")
    if not text.strip() or len(text) > 128:
        raise IssuingError("name", "A client authentication name has 1 to 128 characters.")
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise IssuingError("name", "A certificate cannot carry control characters in a name.")
    if scheme == "SubjectMatchesAuthenticationName" and (len(text) > MAX_COMMON_NAME or not text.isascii()):
        raise IssuingError(
            "scheme",
            f"{text[:40]} is too long for a subject (64 characters) or not plain ASCII. "
            "Choose a DNS, URI or e-mail scheme for it, or Thumbprint Match.",
        )
    if scheme == "IpMatchesAuthenticationName":
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise IssuingError("name", f"{text[:40]} is not an IPv4 or IPv6 address.") from None
    if scheme in {"DnsMatchesAuthenticationName", "UriMatchesAuthenticationName", "EmailMatchesAuthenticationName"}:
        if not text.isascii():
            raise IssuingError("scheme", "This kind of name holds ASCII only. Choose Thumbprint Match for this name.")
        if scheme.startswith("Email") and "@" not in text:
            raise IssuingError("name", f"{text[:40]} is not an e-mail address.")


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _file_part(name: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name)[:40].strip("-")
    return kept or "client"


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    at: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _BACKDATED)
        .not_valid_after(at + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
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


def _ca(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    at: datetime,
    lifetime: timedelta,
    *,
    path_length: int,
) -> x509.Certificate:
    return (
        _builder(subject, key, issuer, issuer_key, at, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _client(
    name: ClientName,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    at: datetime,
    lifetime: timedelta,
) -> x509.Certificate:
    text = name.authentication_name
    fits_subject = len(text) <= MAX_COMMON_NAME and text.isascii()
    builder = _builder(_subject(text if fits_subject else "sample client"), key, issuer, issuer_key, at, lifetime)
    general = _general_name(name)
    if general is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([general]), critical=False)
    return (
        builder.add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )


def _general_name(name: ClientName) -> x509.GeneralName | None:
    text = name.authentication_name
    match name.validation_scheme:
        case "UriMatchesAuthenticationName":
            return x509.UniformResourceIdentifier(text)
        case "IpMatchesAuthenticationName":
            return x509.IPAddress(ipaddress.ip_address(text))
        case "EmailMatchesAuthenticationName":
            return x509.RFC822Name(text)
        case _:
            return x509.DNSName(text) if text.isascii() else None


def _sample(file_name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> SampleCertificate:
    return SampleCertificate(
        file_name=file_name,
        subject=certificate.subject.rfc4514_string(),
        certificate_der=certificate.public_bytes(Encoding.DER),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        thumbprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


_HOW_TO = """Sample certificates for MQTT client authentication by CA certificate chain
===========================================================================

They are for trying out. The private keys in this archive were made for this download and are kept nowhere else.
Valid until {not_after:%d %b %Y %H:%M} UTC.

1. On the page CA certificates choose + Certificate and upload intermediate_ca.crt.
   (The intermediate signed the clients. The root is here for completeness.)
2. On the page Clients choose + Client for each of these:
{clients}
3. Connect, with HOST, PORT and the server's CA file as the portal's Overview page shows them:
   mosquitto_pub -h HOST -p PORT --cafile SERVER_CA.pem \\
     --cert {first}.crt --key {first}.key -u {name!r} -i session1 -t sample -m hello -q 1
"""


def sample_chain_zip(chain: SampleChain) -> bytes:
    """A zip archive with each certificate (.crt) and key (.key) as PEM, the thumbprints, and a short how-to."""
    clients = "".join(
        f"   - authentication name {name.authentication_name}, {SCHEMES_BY_VALUE[name.validation_scheme].label}\n"
        f"     files {c.file_name}.crt and .key, thumbprint {c.thumbprint}\n"
        for name, c in zip(chain.names, chain.clients, strict=True)
    )
    how_to = _HOW_TO.format(
        not_after=chain.not_after,
        clients=clients,
        first=chain.clients[0].file_name,
        name=chain.names[0].authentication_name,
    )
    everything = (chain.root, chain.intermediate, *chain.clients)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("HOW-TO.txt", how_to)
        archive.writestr("thumbprints.txt", "".join(f"{s.thumbprint}  {s.file_name}.crt\n" for s in everything))
        for sample in everything:
            archive.writestr(f"{sample.file_name}.crt", sample.certificate_pem)
            archive.writestr(f"{sample.file_name}.key", sample.key_pem)
    return buffer.getvalue()

"""The certificate of a demo that other machines reach: signed by a CA made for it, which can sign nothing else afterwards.

The CA's key is dropped once it has signed, and the CA is limited to the one host name by name constraints, so trainees can
trust it in their browsers without risk for other sites.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portal.demo.supervisor import write_private

LIFETIME = timedelta(days=30)
LEAST_LEFT = timedelta(days=2)
CLOCK_SKEW = timedelta(days=1)


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: the CA to trust, and the server's certificate with its key."""

    ca: Path
    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """The SHA-256 fingerprint of the CA, to compare before trusting it."""
        return x509.load_pem_x509_certificate(self.ca.read_bytes()).fingerprint(hashes.SHA256()).hex(":").upper()


def tls_files(folder: Path, host: str, *, now: datetime) -> TlsFiles:
    """Return the files for a host name or IP address, made unless there are some that are valid for two more days."""
    files = TlsFiles(folder / "portal-ca.pem", folder / "portal-server.pem", folder / "portal-server-key.pem")
    if not _is_good(files, host, now):
        _make(files, host, now)
    return files


def _is_good(files: TlsFiles, host: str, now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    has_all = files.ca.exists() and files.key.exists()
    return has_all and list(names) == [_name(host)] and certificate.not_valid_after_utc - LEAST_LEFT > now


def _make(files: TlsFiles, host: str, now: datetime) -> None:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"MQTT class at {host}"[:64])])
    # No host name: OpenSSL would take the address of an IP host for a DNS name, which the CA may not sign for.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MQTT class")])
    limited = x509.NameConstraints(permitted_subtrees=[_subtree(host)], excluded_subtrees=_excluded(host))
    ca = (
        _builder(issuer, issuer, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_ca=True), critical=True)
        .add_extension(limited, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        _builder(subject, issuer, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_name(host)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    files.certificate.unlink(missing_ok=True)  # written last: what is interrupted is made anew
    write_private(files.ca, ca.public_bytes(Encoding.PEM).decode())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(files.key, pem.decode())
    write_private(files.certificate, server.public_bytes(Encoding.PEM).decode())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - CLOCK_SKEW)
        .not_valid_after(now.astimezone(UTC) + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _subtree(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(host))
    except ValueError:
        return x509.DNSName(host)


def _excluded(host: str) -> list[x509.GeneralName]:
    """Return everything of the kinds of names that the host is not: a constraint of one kind leaves the others free."""
    every: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")),
        x509.IPAddress(ipaddress.ip_network("::/0")),
    ]
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return every
    return [x509.DNSName(""), every[1 if version == 4 else 0]]


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )

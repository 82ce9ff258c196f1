"""The private certificate authority that signs the server certificate of the ARM and MQTT endpoints.

It is created once in the state folder, so clients keep trusting it over restarts. It is unrelated to the CA certificates
that users register.
"""

import ipaddress
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(days=1)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class AuthorityError(Exception):
    """A damaged file in the state folder. The message names the file and what to do."""


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file atomically, with `mode` as its permissions."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    part.replace(path)


class Authority:
    """The CA in `state_dir` and the one server certificate that it signs.

    Raise `AuthorityError` if a file in the folder is damaged.
    """

    def __init__(self, state_dir: Path) -> None:
        self.ca_path = state_dir / "emulator-ca.pem"
        self.certificate_path = state_dir / "emulator-server.pem"
        self.key_path = state_dir / "emulator-server-key.pem"
        self._ca_key_path = state_dir / "emulator-ca-key.pem"
        now = datetime.now(UTC)
        if not self.ca_path.exists():
            self._create_ca(now)
        self._ca_key = _load_key(self._ca_key_path)
        self._ca = _load_certificate(self.ca_path)
        if not self.key_path.exists():
            write_private(self.key_path, _key_pem(ec.generate_private_key(ec.SECP256R1())))
        self._key = _load_key(self.key_path)
        self._names = self._names_of_current_certificate(now)
        self.certificate_for(LOOPBACK_NAMES)

    def certificate_for(self, hostnames: Iterable[str]) -> Path:
        """Return the path of the server certificate, reissued with these names if it does not include them.

        Raise `ValueError` for an invalid host name.
        """
        missing = [name for name in dict.fromkeys(hostnames) if name not in self._names]
        if missing:
            names = [*self._names, *missing]
            write_private(self.certificate_path, self._issue(names, datetime.now(UTC)), 0o644)
            self._names = names
        return self.certificate_path

    def _names_of_current_certificate(self, now: datetime) -> list[str]:
        """Return the names of the certificate, reissued if it expires soon or does not match; none if there is none."""
        if not self.certificate_path.exists():
            return []
        certificate = _load_certificate(self.certificate_path)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        texts = [str(name.value) for name in names]
        is_ours = certificate.public_key() == self._key.public_key() and certificate.issuer == self._ca.subject
        if is_ours and certificate.not_valid_after_utc - RENEW_BEFORE > now:
            return texts
        write_private(self.certificate_path, self._issue(texts, now), 0o644)
        return texts

    def _create_ca(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        # The serial number in the name makes it unique in a trust store with the CAs of several state folders.
        serial = x509.random_serial_number()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Emulator CA {serial:x}"[:40])])
        key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + CA_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(is_ca=True), critical=True)
            .add_extension(key_id, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self._ca_key_path, _key_pem(key))
        write_private(self.ca_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _issue(self, names: list[str], now: datetime) -> bytes:
        ca_key_id = self._ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
            .issuer_name(self._ca.subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(min(now + SERVER_LIFETIME, self._ca.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(is_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_key_id), critical=False)
            .sign(self._ca_key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)


_HOST_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f"'{name[:100]}' is not a host name or an IP address.") from None
        return x509.DNSName(name)


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
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


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise AuthorityError(f"Cannot read {path} ({error}). Delete the emulator-* files beside it.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{path} is not an EC key. Delete the emulator-* files beside it.")
    return key


def _load_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise AuthorityError(f"Cannot read {path} ({error}). Delete the emulator-* files beside it.") from error

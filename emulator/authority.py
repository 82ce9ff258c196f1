"""The private certificate authorities that sign the server certificates of the ARM and MQTT endpoints.

They are created once in the state folder, so clients keep trusting them over restarts. They are unrelated to the CA
certificates that users register. As in Azure, MQTT clients get a P-384 or an RSA 2048 certificate, according to what they
offer in TLS, and each comes from a CA with a key of its kind: a device that only knows RSA could not check a signature of the
other. One file has both CA certificates.
"""

import ipaddress
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(days=1)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
RSA_BITS = 2048  # of Event Grid's RSA certificate; the other is P-384

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class AuthorityError(Exception):
    """A damaged file in the state folder. The message names the file and what to do."""


class CertificateFiles(NamedTuple):
    """The PEM files of a server certificate and its key."""

    certificate: Path
    key: Path


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file atomically, with `mode` as its permissions."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    part.replace(path)


class Authority:
    """The CAs in `state_dir` and the server certificates that they sign.

    A folder of an earlier version gets what it lacks; its CA and the certificate of the ARM endpoint stay.
    Raise `AuthorityError` if a file in the folder is damaged.
    """

    def __init__(self, state_dir: Path) -> None:
        self.ca_path = state_dir / "emulator-ca.pem"
        self.certificate_path = state_dir / "emulator-server.pem"
        self.key_path = state_dir / "emulator-server-key.pem"
        now = datetime.now(UTC)
        _create_rsa_keys([state_dir / "emulator-ca-rsa-key.pem", state_dir / "emulator-mqtt-rsa-key.pem"])
        ec_ca, rsa_ca = self._load_cas(state_dir / "emulator-ca-key.pem", state_dir / "emulator-ca-rsa-key.pem", now)
        self._arm = _ServerCertificate(CertificateFiles(self.certificate_path, self.key_path), ec_ca, ec.SECP256R1())
        self._mqtt = tuple(
            _ServerCertificate(
                CertificateFiles(state_dir / f"emulator-mqtt-{kind}.pem", state_dir / f"emulator-mqtt-{kind}-key.pem"),
                ca,
                ec.SECP384R1(),
            )
            for kind, ca in (("ec", ec_ca), ("rsa", rsa_ca))
        )

    def certificate_for(self, hostnames: Iterable[str]) -> Path:
        """Return the path of the ARM endpoint's certificate, reissued with these names if it does not include them.

        Raise `ValueError` for an invalid host name.
        """
        return self._arm.including(hostnames).certificate

    def mqtt_certificates_for(self, hostnames: Iterable[str]) -> tuple[CertificateFiles, ...]:
        """Return the certificates of the MQTT endpoints, P-384 and RSA, likewise."""
        names = tuple(hostnames)
        return tuple(each.including(names) for each in self._mqtt)

    def _load_cas(self, ec_key_path: Path, rsa_key_path: Path, now: datetime) -> tuple["_Ca", "_Ca"]:
        """Return the EC and the RSA CA, created if missing. The EC one is first in the file, as programs may read only one."""
        if not self.ca_path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            write_private(ec_key_path, _key_pem(key))
            write_private(self.ca_path, _ca_certificate(key, "Emulator CA", now), 0o644)
        ec_key, rsa_key = _load_key(ec_key_path), _load_key(rsa_key_path)
        first, *others = _load_certificates(self.ca_path)
        for other in others:
            if other.public_key() == rsa_key.public_key():
                return _Ca(ec_key, first), _Ca(rsa_key, other)
        own = first.public_bytes(serialization.Encoding.PEM)
        write_private(self.ca_path, own + _ca_certificate(rsa_key, "Emulator RSA CA", now), 0o644)
        return _Ca(ec_key, first), _Ca(rsa_key, _load_certificates(self.ca_path)[1])


class _Ca(NamedTuple):
    key: Key
    certificate: x509.Certificate


class _ServerCertificate:
    """A server certificate in two files. Its key is generated on `curve` unless there is one."""

    def __init__(self, files: CertificateFiles, ca: _Ca, curve: ec.EllipticCurve) -> None:
        self._files = files
        self._ca = ca
        if not files.key.exists():
            write_private(files.key, _key_pem(ec.generate_private_key(curve)))
        self._key = _load_key(files.key)
        self._names = self._names_of_current_certificate(datetime.now(UTC))
        self.including(LOOPBACK_NAMES)

    def including(self, hostnames: Iterable[str]) -> CertificateFiles:
        """Return the files, with the certificate reissued if it lacks one of these names."""
        missing = [name for name in dict.fromkeys(hostnames) if name not in self._names]
        if missing:
            names = [*self._names, *missing]
            write_private(self._files.certificate, self._issue(names, datetime.now(UTC)), 0o644)
            self._names = names
        return self._files

    def _names_of_current_certificate(self, now: datetime) -> list[str]:
        """Return the names of the certificate, reissued if it expires soon or does not match; none if there is none."""
        if not self._files.certificate.exists():
            return []
        certificate = _load_certificates(self._files.certificate)[0]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        texts = [str(name.value) for name in names]
        is_ours = certificate.public_key() == self._key.public_key()
        is_ours = is_ours and certificate.issuer == self._ca.certificate.subject
        if is_ours and certificate.not_valid_after_utc - RENEW_BEFORE > now:
            return texts
        write_private(self._files.certificate, self._issue(texts, now), 0o644)
        return texts

    def _issue(self, names: list[str], now: datetime) -> bytes:
        ca = self._ca.certificate
        ca_key_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
            .issuer_name(ca.subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(min(now + SERVER_LIFETIME, ca.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(is_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_key_id), critical=False)
            .sign(self._ca.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)


def _create_rsa_keys(paths: list[Path]) -> None:
    """Write the keys that are missing. Each takes a fifth of a second to find, so they are found at the same time."""
    missing = [path for path in paths if not path.exists()]
    if missing:
        with ThreadPoolExecutor(len(missing)) as threads:
            made = list(threads.map(lambda _: rsa.generate_private_key(65_537, RSA_BITS), missing))
        for path, key in zip(missing, made, strict=True):
            write_private(path, _key_pem(key))


def _ca_certificate(key: Key, label: str, now: datetime) -> bytes:
    # The serial number in the name makes it unique in a trust store with the CAs of several state folders.
    serial = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{label} {serial:x}"[:40])])
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


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(path: Path) -> Key:
    try:
        # The key is our own: whether it is prime, which takes longer than everything else here, was seen to when it was made.
        key = serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    except (OSError, ValueError) as error:
        raise AuthorityError(f"Cannot read {path} ({error}). Delete the emulator-* files beside it.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise AuthorityError(f"{path} is not an EC or RSA key. Delete the emulator-* files beside it.")
    return key


def _load_certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a file, at least one."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise AuthorityError(f"Cannot read {path} ({error}). Delete the emulator-* files beside it.") from error

"""Create sample chains as Microsoft's guide does with the step CLI: root, intermediate and client certificates.

Pure: keys are created in memory, returned once and not stored. Sources: the guide "MQTT client authentication using
CA certificate chain" (step certificate create, --not-after 2400h), RFC 5280.
"""

import io
import itertools
import shlex
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certificates.authentication.types import FAILED_TITLES, SCHEMES_BY_VALUE
from certificates.samples.certificates import Issuer, Span, ca_certificate, client_certificate, der_of, named, new_key
from certificates.samples.names import (
    FAULTS_BY_CODE,
    MAX_COMMON_NAME,
    SAMPLE_FAULTS,
    TEACHING_NAMES,
    ClientName,
    IssuingError,
    SampleFault,
    check_client_name,
    file_stem,
)
from certificates.x509.reading import to_pem

__all__ = [
    "DEFAULT_LIFETIME",
    "FAULTS_BY_CODE",
    "MAX_CLIENTS",
    "MAX_COMMON_NAME",
    "SAMPLE_FAULTS",
    "TEACHING_NAMES",
    "ClientName",
    "IssuingError",
    "SampleCertificate",
    "SampleChain",
    "SampleFault",
    "SampleFile",
    "check_client_name",
    "make_sample_chain",
    "sample_chain_files",
    "sample_chain_zip",
]

DEFAULT_LIFETIME = timedelta(hours=2400)
MAX_CLIENTS = 20
_ROOT_FILE, _INTERMEDIATE_FILE = "root_ca", "intermediate_ca"


@dataclass(frozen=True)
class SampleCertificate:
    """A certificate with its key. `thumbprint`: SHA-256, 64 lower-case hex digits. `file_name` has no extension.

    `chain` are the other certificates (DER) in its file, which the client also sends. `fails_at` is the code of the step
    that will fail, "" when the client will be accepted; `expected` says so in words, "" for the CA certificates.
    """

    file_name: str
    subject: str
    certificate_der: bytes
    key_pem: bytes
    thumbprint: str
    chain: tuple[bytes, ...] = ()
    fails_at: str = ""
    expected: str = ""

    @property
    def certificate_pem(self) -> str:
        return "".join(to_pem(der) for der in (self.certificate_der, *self.chain))


@dataclass(frozen=True)
class SampleChain:
    """A root, an intermediate, and one certificate per client in the order of `names`. Times are aware."""

    root: SampleCertificate
    intermediate: SampleCertificate
    clients: tuple[SampleCertificate, ...]
    names: tuple[ClientName, ...]
    not_after: datetime

    @property
    def pairs(self) -> tuple[tuple[ClientName, SampleCertificate], ...]:
        """Each client's name with its certificate."""
        return tuple(zip(self.names, self.clients, strict=True))


@dataclass(frozen=True)
class SampleFile:
    """One file of a sample chain. `is_secret`: a private key, which only its owner may read."""

    name: str
    data: bytes
    is_secret: bool = False


def make_sample_chain(
    names: Sequence[ClientName],
    *,
    at: datetime,
    lifetime: timedelta = DEFAULT_LIFETIME,
    label: str = "MqttAppSamples",
    ahead: timedelta = timedelta(),
) -> SampleChain:
    """Create a root, an intermediate (path length 0), and a client certificate for each name.

    Arguments: `names`, 1 to `MAX_CLIENTS`; `at`, the aware datetime from which they are valid; `lifetime` of the client
    certificates (the CA certificates live longer); `label`, the first word of the CA names; `ahead`, how far ahead of `at` the
    certificates will be judged: valid ones are valid now and until `lifetime` after then. Raises `IssuingError` for a
    name that cannot be used.
    """
    if not 1 <= len(names) <= MAX_CLIENTS:
        raise IssuingError("name", f"Enter 1 to {MAX_CLIENTS} client authentication names.")
    for name in names:
        check_client_name(name)
    at = at.astimezone(UTC).replace(microsecond=0)
    root = Issuer(named(f"{label} Root CA"), new_key())
    intermediate = Issuer(named(f"{label} Intermediate CA"), new_key())
    root_certificate = ca_certificate(root, root, at=at, lifetime=ahead + lifetime * 4, path_length=1)
    intermediate_certificate = ca_certificate(intermediate, root, at=at, lifetime=ahead + lifetime * 2, path_length=0)
    return SampleChain(
        _sample(_ROOT_FILE, root_certificate, root.key),
        _sample(_INTERMEDIATE_FILE, intermediate_certificate, intermediate.key),
        tuple(
            _client(name, file_name, intermediate, span=Span(at, lifetime, ahead), label=label)
            for name, file_name in zip(names, _file_names(names), strict=True)
        ),
        tuple(names),
        at + ahead + lifetime,
    )


def _client(name: ClientName, file_name: str, intermediate: Issuer, *, span: Span, label: str) -> SampleCertificate:
    key, issuer = new_key(), intermediate
    chain: tuple[bytes, ...] = ()
    if name.fault == "other-ca":
        issuer = Issuer(named(f"{label} Other CA"), new_key())
    if name.fault == "leaf-as-ca":
        issuer, chain = _client_that_signs(intermediate, span)
    certificate = client_certificate(name, key, issuer, span)
    return _sample(
        file_name,
        certificate,
        key,
        chain=chain,
        fails_at=name.fails_at,
        expected=_expected(name),
    )


def _client_that_signs(intermediate: Issuer, span: Span) -> tuple[Issuer, tuple[bytes, ...]]:
    own = Issuer(named("sample client that signs"), new_key())
    name = ClientName("sample client that signs", "ThumbprintMatch")
    certificate = client_certificate(name, own.key, intermediate, span)
    return own, (der_of(certificate),)


def _expected(name: ClientName) -> str:
    fault = FAULTS_BY_CODE.get(name.fault)
    if fault is None:
        return "Accepted."
    verdict = f"Refused at “{FAILED_TITLES[name.fails_at]}”" if name.fails_at else "Accepted"
    return " ".join(filter(None, (f"{verdict}: {fault.explanation}", fault.to_present)))


def _file_names(names: Sequence[ClientName]) -> list[str]:
    """Return a file name for each client: its own name where free, because the programs of *Try it* expect that."""
    given: list[str] = []
    taken = {_ROOT_FILE, _INTERMEDIATE_FILE}  # lower case, because some file systems are not case-sensitive
    for name in names:
        own = file_stem(name.authentication_name)
        with_fault = [f"{own}-{name.fault}"] if name.fault else []
        numbered = (f"{own}-{number}" for number in range(2, len(names) + 3))
        chosen = next(each for each in itertools.chain([own], with_fault, numbered) if each.lower() not in taken)
        taken.add(chosen.lower())
        given.append(chosen)
    return given


def _sample(
    file_name: str,
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    *,
    chain: tuple[bytes, ...] = (),
    fails_at: str = "",
    expected: str = "",
) -> SampleCertificate:
    return SampleCertificate(
        file_name=file_name,
        subject=certificate.subject.rfc4514_string(),
        certificate_der=der_of(certificate),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        thumbprint=certificate.fingerprint(hashes.SHA256()).hex(),
        chain=chain,
        fails_at=fails_at,
        expected=expected,
    )


_HOW_TO = """Sample certificates for MQTT client authentication by CA certificate chain
===========================================================================

For testing only. The private keys in this archive were created for this download and are not stored anywhere else.
Valid until {not_after:%d %b %Y %H:%M} UTC.

1. On the CA certificates page, select + Certificate and upload intermediate_ca.crt.
   (The intermediate signed the client certificates. The root is included for completeness.)
2. On the Clients page, select + Client for each of these:
{clients}
3. Connect, with HOST, PORT and the server's CA file from the portal's Overview page:
   mosquitto_pub -h HOST -p PORT --cafile SERVER_CA.pem \\
     --cert {first}.crt --key {first}.key -u {name} -i session1 -t sample -m hello -q 1
"""


def sample_chain_files(chain: SampleChain) -> Iterator[SampleFile]:
    """Yield each certificate (.crt) and key (.key) as PEM, the thumbprints, and a how-to with the expected results."""
    clients = "".join(
        f"   - authentication name {name.authentication_name}, {SCHEMES_BY_VALUE[name.validation_scheme].label}\n"
        f"     files {c.file_name}.crt and .key, thumbprint {c.thumbprint}\n"
        f"     expected: {c.expected}\n"
        for name, c in chain.pairs
    )
    how_to = _HOW_TO.format(
        not_after=chain.not_after,
        clients=clients,
        first=chain.clients[0].file_name,
        name=shlex.quote(chain.names[0].authentication_name),
    )
    everything = (chain.root, chain.intermediate, *chain.clients)
    thumbprints = "".join(f"{s.thumbprint}  {s.file_name}.crt\n" for s in everything)
    yield SampleFile("HOW-TO.txt", how_to.encode())
    yield SampleFile("thumbprints.txt", thumbprints.encode())
    for sample in everything:
        yield SampleFile(f"{sample.file_name}.crt", sample.certificate_pem.encode())
        yield SampleFile(f"{sample.file_name}.key", sample.key_pem, is_secret=True)


def sample_chain_zip(chain: SampleChain) -> bytes:
    """Return the files of `sample_chain_files` as a ZIP archive, where only the owner may read secret files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sample_chain_files(chain):
            entry = zipfile.ZipInfo(file.name, date_time=_zip_moment(chain.not_after))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, so that the file mode counts
            entry.external_attr = (0o100600 if file.is_secret else 0o100644) << 16
            archive.writestr(entry, file.data)
    return buffer.getvalue()


def _zip_moment(not_after: datetime) -> tuple[int, int, int, int, int, int]:
    """Return a date for the ZIP entries, which start in 1980. It only has to be independent of the clock."""
    return (max(not_after.year, 1980), not_after.month, not_after.day, 0, 0, 0)

"""Certificates for tests: every chain and every fault, from fixed dates and keys that are the same in each run.

    plant = authority("Plant Root CA")
    line = plant.issue("Line 1 CA", ca=True, path_length=0)
    sensor = line.issue("sensor-1", dns=["sensor-1.plant.example"])

Keys follow from their label, so a certificate's bytes are the same in each run, apart from signatures by DSA and RSA-PSS,
which are random. Private keys are made here and kept nowhere.
"""

import ipaddress
import random
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.support.certificates.der import signed_again
from tests.support.certificates.seeded_keys import dsa_key, rsa_key

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
)

CURVES = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp192r1": ec.SECP192R1(),
    "secp224r1": ec.SECP224R1(),
    "secp256k1": ec.SECP256K1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
}
DIGESTS: dict[str, hashes.SHA224 | hashes.SHA256 | hashes.SHA512 | hashes.SHA3_256] = {
    "SHA-224": hashes.SHA224(),
    "SHA-512": hashes.SHA512(),
    "SHA3-256": hashes.SHA3_256(),
}
USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
PURPOSES = {
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "codeSigning": ExtendedKeyUsageOID.CODE_SIGNING,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "anyExtendedKeyUsage": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}
ATTRIBUTES = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "DC": NameOID.DOMAIN_COMPONENT,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}
UNKNOWN_EXTENSION = ObjectIdentifier("1.3.6.1.4.1.55555.1")


@cache
def private_key(kind: str = "P-256", label: str = "") -> PrivateKey:
    """The key of this kind and label: a curve, "RSA 2048", "Ed25519", "Ed448", "DSA"."""
    seed = sha256(f"{kind} {label}".encode()).digest()
    if kind in CURVES:
        return ec.derive_private_key(
            int.from_bytes(seed[: min(31, CURVES[kind].key_size // 8 - 1)], "big") + 1, CURVES[kind]
        )
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    if kind == "Ed448":
        return ed448.Ed448PrivateKey.from_private_bytes((seed + seed)[:57])
    if kind == "DSA":
        return dsa_key(label)
    return rsa_key(int(kind.removeprefix("RSA ")), label)


def public_key(kind: str, label: str) -> Any:
    """The public key of this kind. RSA above 4096 bits, and with "wide" exponent, has no private half: that takes minutes."""
    if has_private_key(kind):
        return private_key(kind, label).public_key()
    bits = int(kind.split()[1])
    modulus = random.Random(bits).getrandbits(bits) | 1 << (bits - 1) | 1
    return rsa.RSAPublicNumbers((1 << 2000) | 1 if kind.endswith("wide") else 65537, modulus).public_key()


def has_private_key(kind: str) -> bool:
    return not kind.startswith("RSA ") or (int(kind.split()[1]) <= 4096 and not kind.endswith("wide"))


def name_of(*rdns: str, bmp: bool = False) -> x509.Name:
    """A distinguished name: `name_of("O=Plant", "CN=a+SERIALNUMBER=7")` has two RDNs, the second with two values."""
    kind = _ASN1Type.BMPString if bmp else None
    parts = []
    for rdn in rdns:
        pairs = [pair.partition("=") for pair in rdn.split("+")]
        parts.append(
            x509.RelativeDistinguishedName(
                [x509.NameAttribute(ATTRIBUTES[key], value, _type=kind) for key, _, value in pairs]
            )
        )
    return x509.Name(parts)


@dataclass(frozen=True)
class Options:
    """What a certificate has. None means that the extension is left out; "" and () that it has its usual value."""

    subject: x509.Name | None = None  # else CN=name
    key: str = "P-256"
    key_label: str = ""  # another label, another key; else the name
    ca: bool | None = False  # None: no basic constraints
    path_length: int | None = None
    key_usage: Sequence[str] | None = ()
    purposes: Sequence[str] | None = ()  # extended key usage
    dns: Sequence[str] = ()
    uris: Sequence[str] = ()
    ips: Sequence[str] = ()
    emails: Sequence[str] = ()
    san_critical: bool = False
    not_before: datetime | None = None
    not_after: datetime | None = None
    at: datetime = AT
    has_ski: bool = True
    aki: bytes | None = b""  # b"": the issuer's; None: left out
    issuer: x509.Name | None = None  # else the issuer's subject
    digest: str = "SHA-256"
    serial: bytes = b""  # raw INTEGER, also negative
    version_1: bool = False
    swap: tuple[bytes, bytes] = (b"", b"")  # bytes of the certificate, and as many others instead
    explicit_curve: bool = False  # the key's curve by its parameters, not by its name
    name_constraints: x509.NameConstraints | None = None
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = ()


@dataclass(frozen=True)
class Identity:
    """A certificate with its private key (None where it has none to use)."""

    name: str
    der: bytes = field(repr=False)
    key: PrivateKey | None = field(repr=False)
    subject: x509.Name
    at: datetime

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)

    @property
    def pem(self) -> bytes:
        body = b64encode(self.der)  # the library does not write what it cannot read
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""])

    @property
    def key_pem(self) -> bytes:
        assert self.key is not None, f"{self.name} has no private key to use."
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def thumbprint(self) -> str:
        return sha256(self.der).hexdigest()

    def issue(self, name: str, **options: Any) -> "Identity":
        """A certificate signed by this one."""
        return issue(self, name, Options(**{"at": self.at, **options}))


def authority(name: str = "Plant Root CA", **options: Any) -> Identity:
    """A self-signed CA certificate."""
    return self_signed(name, **{"ca": True, **options})


def self_signed(name: str, **options: Any) -> Identity:
    """A self-signed certificate; no CA unless `ca=True`."""
    return issue(None, name, Options(**options))


def issue(issuer: Identity | None, name: str, options: Options) -> Identity:
    """Make one certificate, signed by `issuer`, or by itself when None."""
    label = options.key_label or name
    subject = options.subject if options.subject is not None else name_of(f"CN={name}")
    key = private_key(options.key, label) if has_private_key(options.key) else None
    public = public_key(options.key, label)
    signer = issuer.key if issuer is not None else key
    assert signer is not None, "This issuer has no private key."
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(options.issuer or (issuer.subject if issuer is not None else subject))
        .public_key(public)
        .serial_number(_serial(label, subject, options))
        .not_valid_before(options.not_before or options.at - timedelta(days=30))
        .not_valid_after(options.not_after or options.at + (10 * YEAR if options.ca else YEAR))
    )
    for extension, critical in _extensions(options, public, signer):
        builder = builder.add_extension(extension, critical)
    der = _sign(builder, signer, options)
    return Identity(name, der, key, subject, options.at)


def _serial(label: str, subject: x509.Name, options: Options) -> int:
    text = f"{label} {subject.rfc4514_string()} {options.not_before} {options.not_after} {options.path_length}"
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") | 1


def _sign(builder: x509.CertificateBuilder, signer: PrivateKey, options: Options) -> bytes:
    plain = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    named = options.digest.removeprefix("PSS ")
    algorithm = DIGESTS.get(named, hashes.SHA256())
    pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.DIGEST_LENGTH)
    certificate = builder.sign(
        signer,
        None if plain else algorithm,
        rsa_padding=pss if options.digest.startswith("PSS ") else None,
        ecdsa_deterministic=True if isinstance(signer, ec.EllipticCurvePrivateKey) else None,
    )
    der = certificate.public_bytes(Encoding.DER)
    digest = "" if named == "SHA-256" or named in DIGESTS else options.digest
    if digest or options.serial or options.version_1 or options.swap[0] or options.explicit_curve:
        assert isinstance(signer, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return signed_again(
            der,
            signer,
            digest=digest,
            serial=options.serial,
            version_1=options.version_1,
            swap=options.swap,
            explicit_curve=options.explicit_curve,
        )
    return der


def _extensions(options: Options, public: Any, signer: PrivateKey) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    if options.ca is not None:
        found.append((x509.BasicConstraints(options.ca, options.path_length if options.ca else None), True))
    if options.key_usage is not None:
        usual = ("keyCertSign", "cRLSign") if options.ca else ("digitalSignature",)
        found.append((_key_usage(options.key_usage or usual), True))
    if options.purposes is not None and (options.purposes or not options.ca):
        purposes = [PURPOSES[purpose] for purpose in options.purposes or ("clientAuth",)]
        found.append((x509.ExtendedKeyUsage(purposes), False))
    names: list[x509.GeneralName] = [
        *(x509.DNSName(value) for value in options.dns),
        *(x509.UniformResourceIdentifier(value) for value in options.uris),
        *(x509.IPAddress(ipaddress.ip_address(value)) for value in options.ips),
        *(x509.RFC822Name(value) for value in options.emails),
    ]
    if names:
        found.append((x509.SubjectAlternativeName(names), options.san_critical))
    if options.has_ski:
        found.append((x509.SubjectKeyIdentifier.from_public_key(public), False))
    if options.aki is not None:
        identifier = options.aki or _key_identifier(signer)
        found.append((x509.AuthorityKeyIdentifier(identifier, None, None), False))
    if options.name_constraints is not None:
        found.append((options.name_constraints, True))
    return [*found, *options.extensions]


def _key_identifier(key: PrivateKey) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest


def key_identifier(identity: Identity) -> str:
    """The key identifier of this certificate's key, as hex."""
    assert identity.key is not None
    return _key_identifier(identity.key).hex()


def _key_usage(names: Sequence[str]) -> x509.KeyUsage:
    flags = {field_name: name in names for name, field_name in USAGES.items()}
    return x509.KeyUsage(**flags, encipher_only=False, decipher_only=False)


def unknown_extension(*, critical: bool) -> tuple[x509.ExtensionType, bool]:
    return x509.UnrecognizedExtension(UNKNOWN_EXTENSION, b"\x05\x00"), critical


def malformed(oid: str) -> tuple[x509.ExtensionType, bool]:
    """An extension with a value that no type of extension has."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00"), False


def revocation_points() -> x509.CRLDistributionPoints:
    """Where a revocation list would be, had anyone published it."""
    url = x509.UniformResourceIdentifier("http://crl.plant.example/line-1.crl")
    return x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)])


def only_dns(*permitted: str) -> x509.NameConstraints:
    """Name constraints that permit these DNS domains and no other."""
    return x509.NameConstraints([x509.DNSName(domain) for domain in permitted], None)


def public_key_pem(identity: Identity) -> bytes:
    return identity.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signing_request(identity: Identity) -> x509.CertificateSigningRequest:
    assert isinstance(identity.key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return x509.CertificateSigningRequestBuilder().subject_name(identity.subject).sign(identity.key, hashes.SHA256())

"""Certificate revocation lists for tests: good ones, and every fault, from fixed dates and keys that are the same in each run."""

from base64 import encodebytes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates.chains import AT, Identity
from tests.support.certificates.der import DIGESTS, SIGNATURE_OIDS, children, element, oid, sequence

DAY = timedelta(days=1)
Extension = tuple[x509.ExtensionType, bool]


@dataclass(frozen=True)
class Revoked:
    """One entry of a list."""

    serial: int
    reason: x509.ReasonFlags | None = None
    extensions: Sequence[Extension] = ()
    at: datetime = AT - 2 * DAY


def serial_of(identity: Identity) -> int:
    return identity.certificate.serial_number


def revocation_list(
    issuer: Identity,
    *revoked: Identity | Revoked,
    number: int | None = 1,
    this_update: datetime = AT - DAY,
    next_update: datetime | None = AT + 7 * DAY,
    name: x509.Name | None = None,
    extensions: Sequence[Extension] = (),
    pss: bool = False,
) -> bytes:
    """A list as DER, signed by the issuer. `name`: another name of the issuer in it."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(name or issuer.subject).last_update(this_update)
    builder = builder.next_update(next_update or this_update + DAY)
    for each in revoked:
        builder = builder.add_revoked_certificate(_entry(each))
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey)
    is_ec = isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    found = builder.sign(
        issuer.key,
        None if isinstance(issuer.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256(),
        rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH) if pss else None,
        ecdsa_deterministic=True if is_ec else None,
    ).public_bytes(Encoding.DER)
    if next_update is None:
        return signed_again(found, issuer, lambda parts: [part for at, part in enumerate(parts) if at != 4])
    return found


def _entry(each: Identity | Revoked) -> x509.RevokedCertificate:
    revoked = each if isinstance(each, Revoked) else Revoked(serial_of(each))
    builder = x509.RevokedCertificateBuilder().serial_number(revoked.serial).revocation_date(revoked.at)
    if revoked.reason is not None:
        builder = builder.add_extension(x509.CRLReason(revoked.reason), False)
    for extension, critical in revoked.extensions:
        builder = builder.add_extension(extension, critical)
    return builder.build()


def signed_again(
    crl: bytes, issuer: Identity, change: Callable[[list[bytes]], list[bytes]], *, digest: str = ""
) -> bytes:
    """The list with its parts changed and the signature renewed.

    The parts: version, algorithm, issuer, this update, next update, the revoked certificates where there are any, extensions.
    `digest`: "SHA-1" or "MD5".
    """
    to_be_signed, algorithm, _ = children(crl)
    parts = change(children(to_be_signed))
    key = issuer.key
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    if digest:
        is_rsa = isinstance(key, rsa.RSAPrivateKey)
        name = oid(SIGNATURE_OIDS["RSA" if is_rsa else "EC", digest])
        algorithm = sequence(name, b"\x05\x00") if is_rsa else sequence(name)
        parts[1] = algorithm
    signed = sequence(*parts)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed, padding.PKCS1v15(), DIGESTS[digest])
    else:
        signature = key.sign(signed, ec.ECDSA(DIGESTS[digest], deterministic_signing=True))
    return sequence(signed, algorithm, element(0x03, b"\x00" + signature))


def with_extensions(crl: bytes, issuer: Identity, *extensions: bytes) -> bytes:
    """The list with these extensions, each as DER, instead of its own."""
    explicit = element(0xA0, sequence(*extensions))
    return signed_again(crl, issuer, lambda parts: [*parts[:-1], explicit])


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    return sequence(oid(dotted), *([b"\x01\x01\xff"] if critical else []), element(0x04, value))


def as_pem(crl: bytes, label: str = "X509 CRL") -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), encodebytes(crl), label.encode())

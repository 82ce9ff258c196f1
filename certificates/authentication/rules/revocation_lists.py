"""Read and check certificate revocation lists (CRLs). Pure.

Only complete lists are taken, of the CA that issued the certificates in question: which kinds are not is said by name, because a list
that is read half would let a revoked certificate pass.

Source: RFC 5280 sections 5 (profile) and 6.3 (validation); docs/policy.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from certificates.authentication.rules.types import REMOVED, ListEntry, RevocationList
from certificates.x509.algorithms import describe_signature
from certificates.x509.certificate import Certificate, load_certificate, name_key, public_key_hash
from certificates.x509.containers import as_text, from_base64, looks_like_der, pem_blocks
from certificates.x509.parsing import LIBRARY_ERRORS, library_view
from certificates.x509.private_keys import private_key_kind
from certificates.x509.serial_numbers import serial_digits
from certificates.x509.strength import SIGNATURES, can_check

MAX_BYTES = 5_242_880
MAX_ENTRIES = 50_000
MAX_NUMBER = 2 ** (8 * 20) - 1  # the longest number has 20 bytes (RFC 5280 section 5.2.3)
LEEWAY = timedelta(minutes=5)  # of the clock of the CA
PEM_LABELS = ("X509 CRL", "CRL")

_KNOWN = {ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
_KNOWN_OF_ENTRIES = {CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE}
_COMPLETE = (
    "Have the CA issue a complete list (with OpenSSL: openssl ca -gencrl, without an issuing distribution point)."
)
_COPY = "Download it again from the CA, as a .crl file (DER or PEM)."


class ListError(ValueError):
    """Raised for a list that is not taken.

    Attributes: `code` (stable, such as "delta"); `sentence` (what is wrong); `next_step` (what to do, or "").
    """

    def __init__(self, code: str, sentence: str, next_step: str = "") -> None:
        super().__init__(f"{sentence} {next_step}".strip())
        self.code = code
        self.sentence = sentence
        self.next_step = next_step


def read_list(data: bytes, issuers: Sequence[Certificate], *, at: datetime) -> RevocationList:
    """Return the list in an uploaded file, checked with the CA certificate that issued it.

    Arguments: `data`, the file, DER or PEM; `issuers`, the CA certificates that may have issued it; `at`, an aware datetime. Raises
    `ListError` with the first rule that the list breaks. One past its next update is returned: `is_stale` says so.
    """
    der = list_der(data)
    view = _view(der)
    signer = _signer(view, issuers)
    _check_issuer(signer)
    found = known_list(der, signer.der)
    if found.this_update > at + LEEWAY:
        raise ListError(
            "not-yet-valid",
            f"This list is dated {found.this_update:%d %b %Y %H:%M} UTC, which is in the future.",
            "Check the clock of the CA.",
        )
    return found


def check_replaces(found: RevocationList, held: RevocationList) -> None:
    """Raise `ListError` where the list is older than the one that is held for the same CA, or the order cannot be known."""
    if found.number is not None and held.number is not None:
        if found.number < held.number:
            raise ListError(
                "older",
                f"This list has the number {found.number}. The one in use is newer: {held.number}.",
                "Upload the newest list of the CA.",
            )
    elif held.number is not None:
        raise ListError(
            "number-missing",
            f"This list has no number, and the one in use has {held.number}: which one is newer is not known.",
            "Have the CA number its lists (with OpenSSL: crlnumber and crl_extensions).",
        )
    if found.this_update < held.this_update:
        raise ListError(
            "older",
            f"This list is of {found.this_update:%d %b %Y %H:%M} UTC. The one in use is newer: "
            f"{held.this_update:%d %b %Y %H:%M} UTC.",
            "Upload the newest list of the CA.",
        )


@lru_cache(maxsize=32)
def known_list(der: bytes, signer: bytes) -> RevocationList:
    """Return the list in `der`, checked with the key of the CA certificate `signer` (DER). Raises `ListError`.

    Whether the CA may sign lists was checked when it was uploaded: a CA certificate that is renewed without cRLSign does not let
    revoked certificates in. Cached, because a stored list is loaded again with each change of the rules.
    """
    view, issuer = _view(der), load_certificate(signer)
    _check_signature(view, issuer)
    try:
        this_update, next_update = view.last_update_utc, view.next_update_utc
        if next_update is not None and next_update < this_update:
            raise ListError("times", "This list has a next update before its own date.", _COPY)
        return RevocationList(
            issuer=view.issuer.rfc4514_string(),
            issuer_key=public_key_hash(signer),
            signer=signer,
            number=_number(view),
            this_update=this_update,
            next_update=next_update,
            entries=_entries(view),
        )
    except LIBRARY_ERRORS as fault:
        if isinstance(fault, ListError):
            raise
        raise _damaged() from fault


def list_der(data: bytes) -> bytes:
    """Return the DER of the one list in a file. Raises `ListError`; a private key is refused before anything is parsed."""
    if not data.strip():
        raise ListError("empty", "This file is empty.", _COPY)
    if len(data) > MAX_BYTES:
        raise ListError("too-large", f"This file is larger than {MAX_BYTES // 1_048_576} MB, the maximum that is read.")
    if looks_like_der(data):
        return data
    blocks = pem_blocks(as_text(data))
    if any("PRIVATE KEY" in label for label, _ in blocks) or (not blocks and private_key_kind(data)):
        raise ListError(
            "private-key",
            "This file contains a private key. It was not stored.",
            "Treat the key as exposed, and upload the list alone.",
        )
    lists = [body for label, body in blocks if label in PEM_LABELS]
    if len(lists) > 1:
        raise ListError("several-lists", f"This file has {len(lists)} lists.", "Upload one list at a time.")
    if lists:
        return from_base64(lists[0])
    if any(label.endswith("CERTIFICATE") for label, _ in blocks):
        raise ListError("certificate", "This is a certificate, not a certificate revocation list.", _COPY)
    raise ListError("not-a-list", "This is not a certificate revocation list.", _COPY)


def _damaged() -> ListError:
    return ListError("damaged", "This certificate revocation list is damaged and cannot be read.", _COPY)


def _view(der: bytes) -> x509.CertificateRevocationList:
    try:
        view = x509.load_der_x509_crl(der)
        extensions = view.extensions
    except LIBRARY_ERRORS as fault:
        raise _no_list(der) from fault
    _check_kind({extension.oid: extension for extension in extensions})
    if len(view) > MAX_ENTRIES:
        raise ListError(
            "too-many-entries",
            f"This list has {len(view):,} certificates; at most {MAX_ENTRIES:,} are read.",
            "Have the CA leave out certificates that have expired.",
        )
    return view


def _no_list(der: bytes) -> ListError:
    try:
        x509.load_der_x509_certificate(der)
    except LIBRARY_ERRORS:
        return _damaged()
    return ListError("certificate", "This is a certificate, not a certificate revocation list.", _COPY)


def _check_kind(extensions: Mapping[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]) -> None:
    """Refuse lists that are not complete by themselves, and those with an extension that has to be understood."""
    if ExtensionOID.DELTA_CRL_INDICATOR in extensions:
        raise ListError("delta", "This is a delta list: it has only what changed since another list.", _COMPLETE)
    point = extensions.get(ExtensionOID.ISSUING_DISTRIBUTION_POINT)
    if point is not None:
        if isinstance(point.value, x509.IssuingDistributionPoint) and point.value.indirect_crl:
            raise _indirect()
        raise ListError(
            "partitioned",
            "This list has only some of the CA's certificates: it has an issuing distribution point.",
            _COMPLETE,
        )
    _check_critical(extensions, _KNOWN, "This list")


def _indirect() -> ListError:
    return ListError("indirect", "This is an indirect list: it has certificates of other CAs.", _COMPLETE)


def _check_critical(
    extensions: Mapping[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]],
    known: set[x509.ObjectIdentifier],
    what: str,
) -> None:
    for oid, extension in extensions.items():
        if extension.critical and oid not in known:
            raise ListError(
                "unknown-critical-extension",
                f"{what} has a critical extension that is not known: {oid.dotted_string}.",
                "Have the CA issue the list without it.",
            )


def _signer(view: x509.CertificateRevocationList, issuers: Sequence[Certificate]) -> Certificate:
    """Return the CA certificate that issued the list: of those with the issuer's name, the one whose key signed it."""
    try:
        issuer = view.issuer.rfc4514_string()
    except LIBRARY_ERRORS as fault:
        raise _damaged() from fault
    named = [each for each in issuers if each.subject_key == name_key(issuer)]
    if not named:
        raise ListError(
            "issuer-unknown",
            f"This list was issued by {issuer or '(empty name)'}, which is not one of the CA certificates here.",
            "Upload the CA certificate first, or choose the list of another CA.",
        )
    first: ListError | None = None
    for each in named:
        try:
            _check_signature(view, each)
        except ListError as error:
            first = first or error
        else:
            return each
    assert first is not None
    raise first


def _check_signature(view: x509.CertificateRevocationList, issuer: Certificate) -> None:
    """Check that the issuer's key signed the list (RFC 5280 section 6.3.3, step g)."""
    try:
        signature = describe_signature(view)
    except LIBRARY_ERRORS as fault:
        raise _damaged() from fault
    if signature not in SIGNATURES:
        raise ListError(
            "weak-signature",
            f"This list has a signature that is not accepted: {signature}.",
            "Have the CA sign it with SHA-256 and an RSA or EC P-256 key.",
        )
    if not can_check(issuer) or not _is_signed(view, issuer):
        raise ListError(
            "signature",
            f"This list names {issuer.subject} as its issuer, but its key did not sign it.",
            "Choose the list of this CA, or download it again.",
        )


def _check_issuer(issuer: Certificate) -> None:
    """Check that the CA may sign lists (RFC 5280 section 6.3.3, step f)."""
    if not issuer.is_ca:
        raise ListError(
            "issuer-not-a-ca", f"{issuer.subject} is not marked as a CA.", "Upload the CA certificate again."
        )
    if issuer.key_usage and "cRLSign" not in issuer.key_usage:
        raise ListError(
            "crl-sign-missing",
            f"The CA certificate {issuer.subject} must not sign lists: its key usage is {', '.join(issuer.key_usage)}.",
            "Issue the CA certificate again with the key usage cRLSign as well, and upload it.",
        )


def _is_signed(view: x509.CertificateRevocationList, issuer: Certificate) -> bool:
    try:
        return view.is_signature_valid(library_view(issuer.der).public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _number(view: x509.CertificateRevocationList) -> int | None:
    for extension in view.extensions:
        if isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
            if number > MAX_NUMBER:
                raise ListError("number", "This list has a number that is longer than 20 bytes.", _COPY)
            return number
    return None


def _entries(view: x509.CertificateRevocationList) -> dict[str, ListEntry]:
    """Return the revoked certificates by serial number. Of two entries with one number, the one that revokes counts."""
    found: dict[str, ListEntry] = {}
    kept: dict[ListEntry, ListEntry] = {}  # one object for all that are equal
    for serial, entry in _read_entries(view):
        if serial not in found or found[serial].reason == REMOVED:
            found[serial] = kept.setdefault(entry, entry)
    return found


def _read_entries(view: x509.CertificateRevocationList) -> Iterator[tuple[str, ListEntry]]:
    for revoked in view:
        reason = "unspecified"
        for extension in revoked.extensions:
            if isinstance(extension.value, x509.CRLReason):
                reason = str(extension.value.reason.value)
            elif isinstance(extension.value, x509.CertificateIssuer):
                raise _indirect()
            elif extension.critical and extension.oid not in _KNOWN_OF_ENTRIES:
                _check_critical({extension.oid: extension}, _KNOWN_OF_ENTRIES, "An entry of this list")
        yield serial_digits(revoked.serial_number), ListEntry(reason, revoked.revocation_date_utc)

"""Parse certificates with the library, also where it refuses a part that nothing uses. Pure."""

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from certificates.x509 import repairs

# The library warns of odd certificates whenever it reads one. They are none of its caller's doing, would fill the log of a
# server, and are reported where they matter: `has_odd_serial_number` by the upload doctor.
for _warning in (
    "Parsed a serial number",
    "Invalid ASN.1",
    "The parsed certificate",
    "Attribute's length",
    "Country codes",
):
    warnings.filterwarnings("ignore", _warning, UserWarning)


LIBRARY_ERRORS = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
# What may be unreadable although it is used: names then match nothing, and without identifiers the signature decides.
_LEFT_OUT = (
    frozenset[bytes](),
    frozenset({repairs.ALTERNATIVE_NAMES}),
    frozenset({repairs.SUBJECT_KEY_IDENTIFIER, repairs.AUTHORITY_KEY_IDENTIFIER}),
    frozenset({repairs.ALTERNATIVE_NAMES, repairs.SUBJECT_KEY_IDENTIFIER, repairs.AUTHORITY_KEY_IDENTIFIER}),
)


class DecodingError(ValueError):
    """Raised when input cannot be read as the certificate that was expected.

    Attributes: `code` (stable, such as "private-key"); `sentence` (what the input is); `next_step` (what to do, or "");
    `detail` (a finer stable code where one code has several causes, such as "truncated", else "").
    """

    def __init__(self, code: str, sentence: str, next_step: str = "", *, detail: str = "") -> None:
        super().__init__(f"{sentence} {next_step}".strip())
        self.code = code
        self.detail = detail
        self.sentence = sentence
        self.next_step = next_step


def library_view(der: bytes) -> x509.Certificate:
    """Return the library's view of a certificate, or of a copy without what it refuses and nothing uses (`repairs`).

    Read no signature from it. Raises `DecodingError`.
    """
    try:
        parsed = x509.load_der_x509_certificate(der)
        if parsed.subject is not None and parsed.issuer is not None and parsed.extensions is not None:
            return parsed
    except LIBRARY_ERRORS:
        pass
    for without in _LEFT_OUT:
        try:
            parsed = x509.load_der_x509_certificate(repairs.readable_copy(der, without=without))
            if parsed.extensions is not None:
                return parsed
        except (*LIBRARY_ERRORS, repairs.NotDerError):
            continue
    raise damaged(der)


def signed_bytes(der: bytes, view: x509.Certificate) -> bytes:
    """Return what the certificate's signature covers: always the original, of which `view` may be a copy."""
    signed = view.tbs_certificate_bytes
    return signed if signed in der else repairs.parts_of(der).signed


def extensions_of(der: bytes) -> list[x509.Extension[x509.ExtensionType]]:
    """Return every extension of a certificate in its order. One that the library cannot read is an `UnrecognizedExtension`."""
    try:
        return list(x509.load_der_x509_certificate(der).extensions)
    except LIBRARY_ERRORS:
        pass
    read = {extension.oid.dotted_string: extension for extension in library_view(der).extensions}
    found = []
    for raw in repairs.parts_of(der).extensions:
        oid = x509.ObjectIdentifier(repairs.dotted(raw.oid))
        unread: x509.Extension[x509.ExtensionType] = x509.Extension(
            oid, raw.critical, x509.UnrecognizedExtension(oid, raw.value)
        )
        found.append(read.get(oid.dotted_string, unread))
    return found


def damaged(der: bytes) -> DecodingError:
    """Return the error for a certificate that cannot be read, which names the invalid part where it is known."""
    part = repairs.unusable_part(der)
    return DecodingError(
        "broken-certificate",
        f"This certificate has an invalid {part}." if part else "This certificate is damaged and cannot be read.",
        "Issue it again." if part else "Export or copy it again.",
        detail="invalid-part" if part else "damaged",
    )

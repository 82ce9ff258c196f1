"""Read uploaded or pasted certificates in any notation. Pure: no Django, no I/O, no clock.

`containers` recognises the kind of file, `private_keys` rejects keys, `certificate` reads one certificate.
Sources: RFC 7468 (textual encodings), RFC 5280 (certificates).
"""

import base64
import re
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from certificates.x509.certificate import (
    MAX_CERTIFICATE_BYTES,
    NEXT_CA,
    Certificate,
    DecodingError,
    load_certificate,
)
from certificates.x509.containers import (
    GZIP,
    MAX_BLOCKS,
    as_text,
    encoded_parts,
    from_base64,
    from_hex,
    is_base64_text,
    is_hex_text,
    is_pkcs7,
    is_text,
    looks_like_der,
    pem_blocks,
    read_element,
)
from certificates.x509.notations import plain_forms
from certificates.x509.private_keys import may_be_a_private_key, private_key_kind

__all__ = [
    "MAX_CERTIFICATES",
    "MAX_CERTIFICATE_BYTES",
    "MAX_UPLOAD_BYTES",
    "Certificate",
    "DecodingError",
    "from_azure_pem",
    "from_request_pem",
    "from_stored_pem",
    "load_certificate",
    "read_client_upload",
    "read_upload",
    "to_azure_pem",
    "to_pem",
]

_AZURE_PEM_BEGIN, _AZURE_PEM_END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
MAX_UPLOAD_BYTES = 1_048_576
MAX_CERTIFICATES = MAX_BLOCKS
MAX_LAYERS = 3  # of text encoded in base64, such as a PEM file in a PEM file

# When no form of a text can be read, the most certain explanation counts.
_MAY_HOLD_MORE = {"not-a-certificate", "html", "public-key"}
_CERTAIN = {"csr", "crl", "public-key", "pkcs7", "too-many-certificates", "zip"}
_VAGUENESS = {"broken-certificate": 1, "nul-byte": 1, "html": 2, "zip": 2, "not-a-certificate": 3, "binary": 4}

_EXPOSED = "Treat this key as exposed: create a new key and certificate, and stop using this one. Nothing from the file was kept."
_UNPACK = (
    f"Unpack it. {NEXT_CA} Do not upload archives: they may contain private keys, and an encrypted archive cannot be "
    "checked."
)
_ONLY_CA = "Upload only the CA certificate that signed the clients."
_THEN_CA = "Then upload the CA certificate."
_OF_A_CLIENT = {
    NEXT_CA: "Choose the client's own certificate, as a .pem, .cer or .crt file.",
    _ONLY_CA: "Choose only the client's certificate and its chain.",
    _THEN_CA: "Then choose the client's certificate.",
}
_COPY_AGAIN = "It was probably truncated or changed when it was copied. Copy the whole file again."
_CERTIFICATE_LABELS = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
_HTML = re.compile(rb"\s*<(!doctype|html|\?xml|head|body)", re.IGNORECASE)
_SSH_KEY = re.compile(rb"\s*(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-[a-z0-9]+|sk-[a-z0-9@.-]+)(?:-cert-v01\S*)? AAAA")


def read_upload(data: bytes) -> tuple[Certificate, ...]:
    """Return the certificates in an uploaded file or pasted text, in their order.

    Arguments: `data`, the raw bytes: PEM (any line breaks or none), bare base64, hex or DER, also in source code, mail,
    JSON and other notations (`notations`) or encoded once more; at most `MAX_UPLOAD_BYTES` and
    `MAX_CERTIFICATES`. Raises `DecodingError` with a code such as `empty`, `too-large`, `private-key`,
    `not-a-certificate`, `html`, `binary`, `nul-byte`, `zip`, `csr`, `crl`, `public-key`, `pkcs7`,
    `too-many-certificates` or `broken-certificate`. A private key in any container is recognised before anything else is
    parsed, and no message repeats any part of the file.
    """
    if not data.strip():
        raise DecodingError("empty", "This file is empty.", NEXT_CA)
    forms = plain_forms(data)
    for form in forms:
        _refuse_private_key(form)
    if len(data) > MAX_UPLOAD_BYTES:
        raise DecodingError("too-large", "This file is larger than 1 MB, so it is not a certificate.", NEXT_CA)
    return _read(forms, MAX_LAYERS)


def _read(forms: Sequence[bytes], layers: int) -> tuple[Certificate, ...]:
    """Read the first of the forms that holds certificates, else what is encoded in one of them."""
    errors: list[DecodingError] = []
    for form in forms:
        try:
            return _read_form(form)
        except DecodingError as error:
            errors.append(error)
    if layers and all(error.code in _MAY_HOLD_MORE or error.detail == "encoded-twice" for error in errors):
        for form in forms:
            found = _read_nested(form, layers, errors)
            if found:
                return found
    raise min(errors, key=lambda error: _VAGUENESS.get(error.code, 0))


def _read_nested(form: bytes, layers: int, errors: list[DecodingError]) -> tuple[Certificate, ...]:
    found: dict[bytes, Certificate] = {}
    for part in encoded_parts(form):
        forms = plain_forms(part)
        for inner in forms:
            _refuse_private_key(inner)
        try:
            found |= {certificate.der: certificate for certificate in _read(forms, layers - 1)}
        except DecodingError as error:
            if error.code == "private-key":
                raise
            if error.code in _CERTAIN:
                errors.append(error)
        if len(found) > MAX_CERTIFICATES:
            raise _too_many()
    return tuple(found.values())


def _read_form(data: bytes) -> tuple[Certificate, ...]:
    if looks_like_der(data):
        return _load_ders(data)
    if data.startswith((b"PK\x03\x04", GZIP)):
        kind = "gzip" if data.startswith(GZIP) else "ZIP"
        raise DecodingError("zip", f"This is a {kind} archive, not a certificate.", _UNPACK)
    text = as_text(data)
    if b"\x00" in text:
        if b"-----BEGIN" in text:
            raise DecodingError("nul-byte", "This text file contains zero bytes, so it is damaged.", NEXT_CA)
        raise DecodingError("binary", "This is a binary file, not a certificate.", NEXT_CA)
    blocks = pem_blocks(text)
    return _load_blocks(blocks) if blocks else _load_without_armour(text)


def read_client_upload(data: bytes) -> tuple[Certificate, ...]:
    """Return a client's certificate followed by the rest of its chain, whatever the order in the file.

    Arguments and errors as for `read_upload`, except that the next step of a `DecodingError` asks for the client's
    certificate instead of a CA certificate.
    """
    try:
        found = read_upload(data)
    except DecodingError as error:
        next_step = error.next_step
        for of_a_ca, of_a_client in _OF_A_CLIENT.items():
            next_step = next_step.replace(of_a_ca, of_a_client)
        raise DecodingError(error.code, error.sentence, next_step, detail=error.detail) from None
    leaf = _leaf_of(found)
    return (leaf, *(c for c in found if c.der != leaf.der))


def _leaf_of(found: Sequence[Certificate]) -> Certificate:
    """Return the certificate that signed none of the others: preferably one that is not a CA, else the first."""

    def unlikeliness(certificate: Certificate) -> tuple[bool, ...]:
        signed = any(o.issuer_key == certificate.subject_key for o in found if o.der != certificate.der)
        return (signed, certificate.is_ca)

    return min(found, key=unlikeliness)


def _refuse_private_key(data: bytes) -> None:
    kind = private_key_kind(data)
    if kind:
        raise DecodingError("private-key", f"This file contains a private key ({kind}).", _EXPOSED)
    if may_be_a_private_key(data):
        raise DecodingError(
            "private-key",
            "This looks like an encrypted private key, or a private key without its first line.",
            _EXPOSED,
        )


def _load_blocks(blocks: list[tuple[str, bytes]]) -> tuple[Certificate, ...]:
    if len(blocks) > MAX_CERTIFICATES:
        raise _too_many()
    found = [_load_block(label, body) for label, body in blocks if label in _CERTIFICATE_LABELS]
    if found:
        return tuple(found)
    raise _other_block(blocks[0][0])


def _load_block(label: str, body: bytes) -> Certificate:
    der = from_base64(body)
    if not der:
        raise DecodingError(
            "broken-certificate",
            "The text between BEGIN CERTIFICATE and END CERTIFICATE is not base64.",
            _COPY_AGAIN,
            detail="not-base64",
        )
    if is_text(as_text(der)):
        raise DecodingError(
            "broken-certificate",
            "This certificate was encoded twice: between BEGIN and END CERTIFICATE is text, not a certificate.",
            "Decode it once (base64 -d), then check what it contains.",
            detail="encoded-twice",
        )
    if is_pkcs7(der):  # some tools label it so
        raise _other_block("PKCS7")
    # OpenSSL's trusted certificate has its own settings behind the certificate.
    element = read_element(der) if label == "TRUSTED CERTIFICATE" else None
    return load_certificate(der if element is None else der[: element[2]])


def _other_block(label: str) -> DecodingError:
    if "CERTIFICATE REQUEST" in label:
        return DecodingError(
            "csr",
            "This is a certificate signing request, not a certificate.",
            "Use the certificate that your CA issued for it.",
        )
    if "PUBLIC KEY" in label:
        return DecodingError("public-key", "This is a public key, not a certificate.", NEXT_CA)
    if label == "X509 CRL":
        return DecodingError("crl", "This is a certificate revocation list, not a certificate.", NEXT_CA)
    if label in {"PKCS7", "CMS", "PKCS #7 SIGNED DATA"}:
        return DecodingError(
            "pkcs7",
            "This is a PKCS#7 bundle (.p7b), which Azure does not accept.",
            f"Convert it with: openssl pkcs7 -print_certs -in FILE (add -inform DER for a binary one). {_THEN_CA}",
        )
    known = {"DH PARAMETERS", "EC PARAMETERS", "DSA PARAMETERS"}
    is_parameters = label in known
    return DecodingError(
        "not-a-certificate",
        f"This PEM file contains {'key parameters' if is_parameters else 'no certificate'}.",
        NEXT_CA,
        detail="key-parameters" if is_parameters else "",
    )


def _too_many() -> DecodingError:
    sentence = f"This file contains more than {MAX_CERTIFICATES} certificates."
    return DecodingError("too-many-certificates", sentence, _ONLY_CA)


def _load_ders(data: bytes) -> tuple[Certificate, ...]:
    """Return the first certificate and those directly after it. Other trailing bytes are ignored."""
    found = [_load_der(data)]
    left = data[len(found[0].der) :]
    while looks_like_der(left) and (element := read_element(left)) is not None:
        if len(found) == MAX_CERTIFICATES:
            raise _too_many()
        try:
            found.append(load_certificate(left[: element[2]]))
        except DecodingError:
            break
        left = left[element[2] :]
    return tuple(found)


def _load_der(data: bytes) -> Certificate:
    element = read_element(data)
    if element is None:
        raise DecodingError(
            "broken-certificate",
            "This binary file is truncated: it ends before its certificate does.",
            "Copy the whole file again.",
            detail="truncated",
        )
    if is_pkcs7(data):
        raise _other_block("PKCS7")
    der = data[: element[2]]
    try:
        return load_certificate(der)
    except DecodingError as error:
        others: tuple[tuple[Callable[[bytes], object], str], ...] = (
            (x509.load_der_x509_csr, "CERTIFICATE REQUEST"),
            (x509.load_der_x509_crl, "X509 CRL"),
            (load_der_public_key, "PUBLIC KEY"),
        )
        for load, label in others:
            if _loads(load, der):
                raise _other_block(label) from None
        raise error from None


def _loads(load: Callable[[bytes], object], der: bytes) -> bool:
    try:
        load(der)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return False
    return True


def _load_without_armour(text: bytes) -> tuple[Certificate, ...]:
    if b"-----BEGIN CERTIFICATE" in text or b"-----END CERTIFICATE" in text:
        raise DecodingError(
            "broken-certificate",
            "The BEGIN CERTIFICATE or the END CERTIFICATE line is missing.",
            "The text was probably truncated when it was copied. Copy the whole file again.",
            detail="incomplete-armour",
        )
    if _HTML.match(text[:512]):
        raise DecodingError(
            "html", "This is a web page, not a certificate.", "Download the certificate file itself and choose that."
        )
    if _SSH_KEY.match(text[:512]) or text.startswith(b"---- BEGIN SSH2 PUBLIC KEY"):
        raise DecodingError("public-key", "This is an SSH public key, not a certificate.", NEXT_CA)
    if text.lstrip()[:1] == b"{" and b'"kty"' in text:
        raise DecodingError("public-key", "This is a public key (JSON Web Key), not a certificate.", NEXT_CA)
    der = from_hex(text) if is_hex_text(text) else from_base64(text) if is_base64_text(text) else b""
    if der[:1] == b"\x30":
        return _load_ders(der)
    if any(byte < 9 or 13 < byte < 32 for byte in text[:4096]):
        raise DecodingError("binary", "This is a binary file, not a certificate.", NEXT_CA)
    raise DecodingError("not-a-certificate", "There is no certificate in this text.", NEXT_CA)


def to_pem(der: bytes) -> str:
    """Return PEM with lines of 64 characters (RFC 7468), for display and download."""
    body = base64.b64encode(der).decode("ascii")
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def to_azure_pem(der: bytes) -> str:
    """Return PEM without line breaks, as Microsoft's guide sends it to Azure. Nothing else decides this format."""
    return f"{_AZURE_PEM_BEGIN}{base64.b64encode(der).decode('ascii')}{_AZURE_PEM_END}"


def from_azure_pem(text: str) -> bytes:
    """Return the DER of the one certificate in Azure's `encodedCertificate`, in any notation.

    Raises `DecodingError`, with the code `several-certificates` where there is more than one.
    """
    certificates = read_upload(text.encode("utf-8", "replace"))
    if len(certificates) != 1:
        raise DecodingError("several-certificates", f"There are {len(certificates)} certificates instead of one.")
    return certificates[0].der


def from_stored_pem(text: str) -> bytes:
    """Return the DER of a certificate that the portal has stored: at once where `to_azure_pem` wrote it.

    What is stored has been searched for private keys, which takes long for a large certificate. Raises `DecodingError` as
    `from_azure_pem`, which reads any other notation.
    """
    try:
        der = base64.b64decode(text.removeprefix(_AZURE_PEM_BEGIN).removesuffix(_AZURE_PEM_END), validate=True)
        if to_azure_pem(der) == text:
            return load_certificate(der).der
    except ValueError:  # DecodingError is one
        pass
    return from_azure_pem(text)


def from_request_pem(text: str) -> bytes:
    """Return the DER of the one certificate in an `encodedCertificate` that is sent to Azure: PEM, base64 or hex.

    Raises `DecodingError`: as `from_azure_pem`, and `other-notation` where a person or the portal could read it, but it is
    encoded once more or has escapes. Azure documents PEM, so that a script must not learn here to send anything else.
    """
    der = from_azure_pem(text)
    data = text.encode("utf-8", "replace")
    try:
        _read_form(data)
    except DecodingError:
        again = is_base64_text(data)
        raise DecodingError(
            "other-notation",
            "It is encoded once more in base64."
            if again
            else "It is PEM in another notation, such as escaped line breaks.",
            "Decode it once (base64 -d) and send the PEM text." if again else "Send the PEM text itself.",
            detail="encoded-twice" if again else "",
        ) from None
    return der

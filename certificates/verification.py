"""The chain verdict: does a presented certificate lead to an uploaded CA certificate?

The verdict is OpenSSL's (through pyOpenSSL), with the uploaded certificates as anchors: an intermediate alone is enough
(partial chain). What stands around it here explains that verdict, refuses what would burn CPU before any signature is
checked, and adds the rules that OpenSSL leaves open (weak hashes and keys, anchors that are no CA). Pure.

Sources: RFC 5280 section 6, OpenSSL's X509_V_ERR codes, docs/policy.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from OpenSSL import crypto

from certificates.decoding import Certificate, DecodingError, load_certificate

MAX_RSA_BITS = 8192
MIN_RSA_BITS = 2048

Values = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ChainVerdict:
    """`issuer_found`: a certificate of the issuer's name is at hand; `verified`: the chain holds to `anchor`."""

    issuer_found: bool
    verified: bool
    sentence: str
    values: Values = ()
    fix: str = ""
    anchor: str = ""
    issuer_sentence: str = ""
    issuer_values: Values = ()


def verify_chain(
    leaf: Certificate, chain: Sequence[bytes], anchors: Sequence[tuple[str, bytes]], *, at: datetime
) -> ChainVerdict:
    """Verify `leaf` through the sent `chain` (DER) to one of the uploaded `anchors` (name, DER) at the moment `at`.

    Never raises on what a client sent. Certificates that cannot be read, or whose key no server verifies, are left out.
    """
    trusted = _readable(anchors)
    sent = [certificate for _, certificate in _readable([("", der) for der in chain]) if certificate.der != leaf.der]
    usable = [(name, ca) for name, ca in trusted if ca.der != leaf.der and ca.is_ca]
    issuer = _find_issuer(leaf, [ca for _, ca in usable] + sent)
    if issuer is None:
        return _issuer_missing(leaf, trusted)
    name_of = {ca.der: name for name, ca in usable}
    issuer_name = name_of.get(issuer.der, "")
    issuer_sentence = f"{issuer.subject}" + (f", uploaded as {issuer_name}" if issuer_name else ", sent by the client")
    issuer_values = (("issuer", leaf.issuer), ("key identifier", leaf.authority_key_identifier or "none"))
    path = _path(leaf, [ca for _, ca in usable], sent)
    refusal = _weakness(path) or _openssl_verdict(leaf, usable, sent, path, at)
    if refusal is not None:
        sentence, values, fix = refusal
        return ChainVerdict(True, False, sentence, values, fix, "", issuer_sentence, issuer_values)
    anchor = next((name_of[c.der] for c in path if c.der in name_of), "")
    links = " ← ".join(c.subject or "(empty subject)" for c in path)
    return ChainVerdict(
        True,
        True,
        f"{links} = {anchor}",
        (("chain", links), ("uploaded CA certificate", anchor)),
        anchor=anchor,
        issuer_sentence=issuer_sentence,
        issuer_values=issuer_values,
    )


def _readable(ders: Sequence[tuple[str, bytes]]) -> list[tuple[str, Certificate]]:
    found = []
    for name, der in ders:
        try:
            certificate = load_certificate(der)
        except DecodingError:
            continue
        if not (certificate.key.startswith("RSA") and certificate.key_bits > MAX_RSA_BITS):
            found.append((name, certificate))
    return found


def _find_issuer(child: Certificate, candidates: Sequence[Certificate]) -> Certificate | None:
    """The likeliest issuer: same name and key identifier first, then the same name."""
    named = [c for c in candidates if c.subject == child.issuer and c.der != child.der]
    wanted = child.authority_key_identifier
    by_key = [c for c in named if wanted and c.subject_key_identifier == wanted]
    signed = [c for c in by_key or named if _signed_by(child, c)]
    return next(iter(signed or by_key or named), None)


def _signed_by(child: Certificate, issuer: Certificate) -> bool:
    try:
        _x509(child).to_cryptography().verify_directly_issued_by(_x509(issuer).to_cryptography())
    except Exception:  # noqa: BLE001  every way a hostile certificate can fail here means the same: not signed by it
        return False
    return True


def _path(leaf: Certificate, trusted: Sequence[Certificate], sent: Sequence[Certificate]) -> list[Certificate]:
    """The chain to explain: from the leaf upwards, ending at the first uploaded certificate."""
    path, anchors = [leaf], {c.der for c in trusted}
    for _ in range(len(sent) + 1):
        parent = _find_issuer(path[-1], trusted) or _find_issuer(path[-1], sent)
        if parent is None or parent in path:
            break
        path.append(parent)
        if parent.der in anchors:
            break
    return path


def _issuer_missing(leaf: Certificate, trusted: Sequence[tuple[str, Certificate]]) -> ChainVerdict:
    values = (
        ("issuer needed", leaf.issuer),
        ("key identifier needed", leaf.authority_key_identifier or "not stated"),
        ("uploaded CA certificates", ", ".join(f"{name} ({ca.subject})" for name, ca in trusted) or "none"),
    )
    no_ca = [name for name, ca in trusted if ca.subject == leaf.issuer and not ca.is_ca]
    if no_ca:
        return ChainVerdict(
            False,
            False,
            f"The uploaded certificate {no_ca[0]} issued this certificate, but it is not a CA certificate.",
            values,
            "Issue the client certificate from a CA certificate (basic constraints CA:TRUE) and upload that.",
        )
    if any(ca.der == leaf.der for _, ca in trusted):
        sentence = (
            "The client presented the uploaded certificate itself; it was not signed by an uploaded CA certificate."
        )
        return ChainVerdict(False, False, sentence, values, "Register the client with Thumbprint Match instead.")
    if leaf.is_self_issued:
        return ChainVerdict(
            False,
            False,
            "The certificate is self-signed, so no uploaded CA certificate signed it.",
            values,
            "Use Thumbprint Match for a self-signed certificate, or have a CA sign it.",
        )
    return ChainVerdict(
        False,
        False,
        f"The CA certificate that signed this certificate is not uploaded: {leaf.issuer or '(empty name)'}.",
        values,
        f"Upload the CA certificate with the subject {leaf.issuer or '(empty name)'}.",
    )


def _weakness(path: Sequence[Certificate]) -> tuple[str, Values, str] | None:
    for index, certificate in enumerate(path):
        who = "The certificate" if index == 0 else f"The CA certificate {certificate.subject}"
        if certificate.key.startswith("RSA") and certificate.key_bits < MIN_RSA_BITS:
            return (
                f"{who} has a weak key: {certificate.key}.",
                (("key", certificate.key),),
                "Issue it with RSA 2048 bits or more, or EC P-256.",
            )
        if index < len(path) - 1 and certificate.signature.endswith(("SHA-1", "MD5")):
            return (
                f"{who} is signed with a weak hash: {certificate.signature}.",
                (("signature", certificate.signature),),
                "Issue it again with SHA-256.",
            )
    return None


def _x509(certificate: Certificate) -> crypto.X509:
    return crypto.load_certificate(crypto.FILETYPE_ASN1, certificate.der)


def _openssl_verdict(
    leaf: Certificate,
    usable: Sequence[tuple[str, Certificate]],
    sent: Sequence[Certificate],
    path: Sequence[Certificate],
    at: datetime,
) -> tuple[str, Values, str] | None:
    store = crypto.X509Store()
    for _, ca in usable:
        store.add_cert(_x509(ca))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(at.astimezone(UTC))
    context = crypto.X509StoreContext(store, _x509(leaf), [_x509(c) for c in sent])
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as error:
        code = int(error.errors[0]) if error.errors else 0
        depth = int(error.errors[1]) if len(error.errors) > 1 else 0
        return _explain(code, depth, str(error), path)
    return None


def _explain(code: int, depth: int, text: str, path: Sequence[Certificate]) -> tuple[str, Values, str]:
    at_fault = path[depth] if depth < len(path) else path[-1]
    who = "The certificate" if depth == 0 else f"The CA certificate {at_fault.subject}"
    values: Values = (("at", at_fault.subject), ("verifier", text))
    if code == 7:
        signer = path[depth + 1].subject if depth + 1 < len(path) else at_fault.issuer
        return (
            f"The signature does not verify: {signer} has the right name but another key.",
            values,
            "Upload the CA certificate whose key really signed this certificate.",
        )
    if code == 9:
        return (
            f"{who} is not valid yet: it starts on {at_fault.not_before:%d %b %Y %H:%M} UTC.",
            values,
            "Wait until then, or upload a CA certificate that is valid now.",
        )
    if code == 10:
        return (
            f"{who} expired on {at_fault.not_after:%d %b %Y %H:%M} UTC.",
            values,
            "Upload the renewed CA certificate, or issue the client certificate from a valid CA.",
        )
    if code in {2, 20, 21}:
        missing = path[-1].issuer
        return (
            f"The chain ends before an uploaded CA certificate: {missing} is neither uploaded nor sent.",
            (("issuer needed", missing), *values),
            f"Upload the CA certificate {missing}, or have the client send its whole chain.",
        )
    words = {
        24: "is used as a CA but is none (basic constraints)",
        25: "may not sign another CA here (path length exceeded)",
        26: "is not allowed for this purpose",
        32: "may not sign certificates (key usage without keyCertSign)",
        34: "has a critical extension that is not understood",
        47: "breaks a name constraint of its CA",
        48: "breaks a name constraint of its CA",
        66: "has a weak key",
        67: "has a weak key",
        68: "is signed with a weak hash",
    }
    sentence = f"{who} {words.get(code, 'was refused by the verifier: ' + text)}."
    return (
        sentence,
        values,
        "Issue the chain again with correct extensions, and upload the CA certificate that signs the clients.",
    )

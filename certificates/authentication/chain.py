"""Verify the chain from a presented certificate to an uploaded CA certificate. Pure.

OpenSSL (through pyOpenSSL) decides, with the uploaded certificate as trust anchor: an intermediate alone is enough
(partial chain). `paths` finds the candidate paths. Each is first checked against the rules that OpenSSL leaves open (weak
hashes and keys, issuers that are not CAs), which also rejects what would cost too much CPU before a signature is
checked, and then given to OpenSSL alone. The first valid path counts; when there is none, the most likely one is
explained.

Sources: RFC 5280 section 6, OpenSSL's X509_V_ERR codes, docs/policy.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from OpenSSL import crypto

from certificates.authentication.certification_paths import (
    MAX_PATHS,
    PathFinder,
    TrustAnchors,
    authority_difference,
)
from certificates.authentication.openssl_errors import NO_ISSUER, explain
from certificates.authentication.openssl_extensions import unreadable_extension
from certificates.authentication.types import UPLOAD_CA, USE_THUMBPRINT, Values
from certificates.x509.certificate import Certificate, DecodingError, load_certificate
from certificates.x509.strength import Flaw, key_flaw, signature_flaw

MAX_PRESENTED_CHAIN = 10
_ISSUE_WITHOUT = "Issue it again with a valid extension, or without this one."

Path = tuple[Certificate, ...]


class ChainVerdict(NamedTuple):
    """The result of `verify_chain`.

    `issuer_found`: the certificate that signed the leaf was uploaded or sent. `verified`: the chain is valid up to the
    uploaded certificate named `anchor`. `path` goes from the leaf to that certificate; it is empty unless verified.
    `fix` and `action` say what to change, as in a `Step`.
    """

    issuer_found: bool
    verified: bool
    sentence: str
    values: Values = ()
    fix: str = ""
    anchor: str = ""
    issuer_sentence: str = ""
    issuer_values: Values = ()
    path: Path = ()
    action: str = ""


@dataclass(frozen=True)
class _Refusal:
    """Why a path is not valid, and the change that helps."""

    sentence: str
    values: Values
    fix: str
    action: str = ""


def verify_chain(leaf: Certificate, chain: Sequence[bytes], anchors: TrustAnchors, *, at: datetime) -> ChainVerdict:
    """Verify the chain of a client certificate.

    Arguments: `leaf`, the client certificate; `chain`, the other certificates sent, as DER; `anchors`, the uploaded
    certificates; `at`, an aware datetime. Never raises because of what a client sent: certificates that cannot be read,
    those after the first `MAX_PRESENTED_CHAIN`, and copies of the leaf are ignored.
    """
    name_of = anchors.name_of
    sent = [c for c in _sent(chain) if c.der != leaf.der and c.der not in name_of] if chain else []
    usual = None if sent else _only_path(leaf, anchors)
    if usual is not None:
        refusal = _rule_refusal(usual) or _openssl_refusal(usual, at)
        if refusal is None:
            return _verified(usual, name_of)
        return _explained(PathFinder(anchors, sent, at), leaf, usual[1], (usual, refusal), name_of)
    finder = PathFinder(anchors, sent, at)
    issuers = finder.named_issuers(leaf)
    if not issuers:
        return _issuer_missing(leaf, anchors.named)
    first: tuple[Path, _Refusal] | None = None
    for path in islice(finder.paths(leaf), MAX_PATHS):
        refusal = _rule_refusal(path) or _openssl_refusal(path, at)
        if refusal is None:
            return _verified(path, name_of)
        first = first or (path, refusal)
    return _explained(finder, leaf, issuers[0], first, name_of)


def _only_path(leaf: Certificate, anchors: TrustAnchors) -> Path | None:
    """Return the path of most clients: exactly one uploaded certificate has the issuer's name."""
    named = anchors.by_subject.get(leaf.issuer_key, ())
    return (leaf, named[0]) if len(named) == 1 and named[0].der != leaf.der else None


def _sent(chain: Sequence[bytes]) -> list[Certificate]:
    found = {}
    for der in chain[:MAX_PRESENTED_CHAIN]:
        try:
            found[der] = load_certificate(der)
        except DecodingError:
            continue
    return list(found.values())


def _described(certificate: Certificate, name_of: dict[bytes, str]) -> str:
    name = name_of.get(certificate.der, "")
    return f"{certificate.subject}, " + (f"uploaded as {name}" if name else "sent by the client")


def _issuer_values(leaf: Certificate) -> Values:
    return (("issuer", leaf.issuer), ("key identifier", leaf.authority_key_identifier or "none"))


def _verified(path: Path, name_of: dict[bytes, str]) -> ChainVerdict:
    anchor = name_of[path[-1].der]
    links = " ← ".join([c.subject or "(empty subject)" for c in path])
    return ChainVerdict(
        True,
        True,
        f"{links} = {anchor}",
        (("chain", links), ("uploaded CA certificate", anchor)),
        "",
        anchor,
        _described(path[1], name_of),
        _issuer_values(path[0]),
        path,
    )


def _explained(
    finder: PathFinder,
    leaf: Certificate,
    issuer: Certificate,
    first: tuple[Path, _Refusal] | None,
    name_of: dict[bytes, str],
) -> ChainVerdict:
    """Explain why no path is valid. A leaf that its issuer's key did not sign has no issuer at all."""
    wrong = _wrong_issuer(finder, leaf, issuer, name_of)
    if wrong is not None:
        return wrong
    if first is None:
        path = finder.dead_end(leaf)
        refusal = _rule_refusal(path) or _dead_end(path)
    else:
        path, refusal = first
        refusal = _with_renewed_issuer(finder, path, refusal)
    described, values = _described(path[1], name_of), _issuer_values(leaf)
    return ChainVerdict(
        True, False, refusal.sentence, refusal.values, refusal.fix, "", described, values, action=refusal.action
    )


def _with_renewed_issuer(finder: PathFinder, path: Path, refusal: _Refusal) -> _Refusal:
    """Add why a renewed CA certificate does not replace the expired one that the leaf's authority key identifier names."""
    leaf, issuer = path[0], path[1]
    if issuer.not_after >= finder.at:
        return refusal
    for other in finder.named_issuers(leaf):
        difference = authority_difference(leaf, other)
        if difference is not None and other.not_after >= finder.at and finder.signed(leaf, other):
            part, stated, found = difference
            return replace(
                refusal,
                sentence=f"{refusal.sentence} A renewed one has the same key, but its {part} is {found}, and the certificate"
                f" states {stated}.",
                values=(*refusal.values, (f"{part} needed", stated), (f"{part} found", found)),
                fix="Issue the client certificate again from the renewed CA certificate, by key identifier only "
                "(authorityKeyIdentifier=keyid).",
                action="",
            )
    return refusal


def _wrong_issuer(
    finder: PathFinder, leaf: Certificate, issuer: Certificate, name_of: dict[bytes, str]
) -> ChainVerdict | None:
    values = (
        ("issuer needed", leaf.issuer),
        ("key identifier needed", leaf.authority_key_identifier or "not stated"),
        ("key identifier found", issuer.subject_key_identifier or "not stated"),
    )
    if not finder.signed(leaf, issuer):
        return ChainVerdict(
            False,
            False,
            f"The signature does not verify: {_described(issuer, name_of)}, has the issuer's name but a different key.",
            values,
            "If you know and trust the CA that signed this certificate, upload its CA certificate. If not, the refusal is right.",
            action=UPLOAD_CA,
        )
    difference = authority_difference(leaf, issuer)
    if difference is None:
        return None
    part, stated, found = difference
    return ChainVerdict(
        False,
        False,
        f"{_described(issuer, name_of)}, has the issuer's name and key, but its {part} is {found}, and the certificate states"
        f" {stated}.",
        (("issuer needed", leaf.issuer), (f"{part} needed", stated), (f"{part} found", found)),
        "Issue the certificate again with the authority key identifier of the CA certificate that is uploaded"
        + (", by key identifier only (authorityKeyIdentifier=keyid)." if part != "key identifier" else "."),
    )


def _issuer_missing(leaf: Certificate, uploaded: Sequence[tuple[str, Certificate]]) -> ChainVerdict:
    needed = leaf.issuer or "(empty name)"
    values = (
        ("issuer needed", needed),
        ("key identifier needed", leaf.authority_key_identifier or "not stated"),
        ("uploaded CA certificates", ", ".join(f"{name} ({ca.subject})" for name, ca in uploaded) or "none"),
    )
    itself = next((name for name, ca in uploaded if ca.der == leaf.der), "")
    if leaf.is_self_issued:
        alone = "Use Thumbprint Match for a self-signed certificate, or have a CA sign it."
        fix, action = ("Register the client with Thumbprint Match instead." if itself else alone), USE_THUMBPRINT
    else:
        other = f", which signed it, instead of {itself}" if itself else ""
        fix = (
            f"If you know and trust this issuer, upload its CA certificate, with the subject {needed}{other}. "
            "If not, the refusal is right."
        )
        action = UPLOAD_CA
    if itself:
        sentence = (
            f"The client presented the uploaded certificate {itself} itself. No uploaded CA certificate signed it."
        )
    elif leaf.is_self_issued:
        sentence = "The certificate is self-signed, so no uploaded CA certificate signed it."
    else:
        sentence = f"The CA certificate that signed this certificate is not uploaded: {needed}."
    return ChainVerdict(False, False, sentence, values, fix, action=action)


def _rule_refusal(path: Path) -> _Refusal | None:
    """Apply our own rules, none of which needs a signature check. The anchor's own signature does not matter.

    Keys come first: an unsupported key also makes unsupported signatures.
    """
    for index, certificate in enumerate(path[:-1]):
        refusal = (_not_an_issuer(certificate) if index else None) or _weak(certificate, key_flaw, is_leaf=index == 0)
        if refusal is not None:
            return refusal
    refusal = _anchor_refusal(path[-1])
    if refusal is not None:
        return refusal
    for index, certificate in enumerate(path[:-1]):
        refusal = _weak(certificate, signature_flaw, is_leaf=index == 0)
        if refusal is not None:
            return refusal
    return None


@lru_cache(maxsize=256)
def _anchor_refusal(anchor: Certificate) -> _Refusal | None:
    """Check the anchor. Cached, because every connection asks about the same few CA certificates."""
    refusal = _not_an_issuer(anchor) or _weak(anchor, key_flaw, is_leaf=False)
    return refusal and replace(refusal, action=UPLOAD_CA)


def anchor_flaw(certificate: Certificate) -> str:
    """Return why no client is ever accepted with this CA certificate, and what to do; "" where one may be.

    Its dates do not count. The emulator refuses such a certificate, as the upload pane does.
    """
    if problem := openssl_problem(certificate.der):
        return f"OpenSSL and TLS servers cannot read it: {problem[0]}. {problem[1]}"
    refusal = _anchor_refusal(certificate)
    return f"{refusal.sentence} {refusal.fix}" if refusal is not None else ""


def _weak(
    certificate: Certificate, find_flaw: Callable[[Certificate], Flaw | None], *, is_leaf: bool
) -> _Refusal | None:
    flaw = find_flaw(certificate)
    if flaw is None:
        return None
    name = "The certificate" if is_leaf else f"The CA certificate {certificate.subject}"
    return _Refusal(
        f"{name} {flaw.claim}: {flaw.value}.",
        (*_at(certificate), (flaw.field, flaw.value)),
        f"Issue it {'with' if flaw.field == 'key' else 'again with'} {flaw.instead}.",
    )


def _at(certificate: Certificate) -> Values:
    return (("at", certificate.subject or "(empty subject)"),)


def _not_an_issuer(certificate: Certificate) -> _Refusal | None:
    if not certificate.is_ca:
        found = "CA:FALSE" if certificate.has_basic_constraints else "none"
        return _Refusal(
            f"{certificate.subject} signed a certificate in this chain but is not marked as a CA (basicConstraints: {found}).",
            (*_at(certificate), ("basic constraints", found)),
            f"Sign {certificate.subject} again with basicConstraints=critical,CA:TRUE (openssl x509 -req needs -extfile), and "
            "upload it.",
            UPLOAD_CA,
        )
    if certificate.key_usage and "keyCertSign" not in certificate.key_usage:
        usages = ", ".join(certificate.key_usage)
        return _Refusal(
            f"The CA certificate {certificate.subject} must not sign certificates: its key usage is {usages}.",
            (*_at(certificate), ("key usage", usages)),
            "Issue the CA certificate again with the key usage keyCertSign, and upload it.",
            UPLOAD_CA,
        )
    return None


def _dead_end(path: Path) -> _Refusal:
    missing = path[-1].issuer or "(empty name)"
    return _Refusal(
        f"The chain does not reach an uploaded CA certificate: {missing} is neither uploaded nor sent.",
        (("issuer needed", missing), ("chain", " ← ".join(c.subject or "(empty subject)" for c in path))),
        f"If you know and trust them, upload {path[1].subject}, which signed the certificate, or {missing}. If not, the refusal"
        " is right.",
        UPLOAD_CA,
    )


@lru_cache(maxsize=256)
def _known_x509(der: bytes) -> crypto.X509:
    return _x509(der)


def openssl_problem(der: bytes) -> tuple[str, str] | None:
    """Return what OpenSSL cannot read in the certificate, and what to do. No TLS server accepts one that it cannot read."""
    try:
        _x509(der)
    except crypto.Error:
        return "a text in it has a type or letters that X.509 forbids", "Issue it again with names in UTF-8."
    extension = unreadable_extension(der)
    return (f"the extension {extension} is malformed", _ISSUE_WITHOUT) if extension else None


def _x509(der: bytes) -> crypto.X509:
    return crypto.load_certificate(crypto.FILETYPE_ASN1, der)


def _unreadable(path: Path) -> _Refusal | None:
    """Explain that OpenSSL cannot read a part of a certificate, which it needs to find the next one."""
    for certificate in path:
        if problem := openssl_problem(certificate.der):
            part, fix = problem
            action = UPLOAD_CA if certificate is not path[0] else ""
            sentence = f"OpenSSL and TLS servers cannot read {certificate.subject or 'a certificate'}: {part}."
            return _Refusal(sentence, (*_at(certificate), ("part", part)), fix, action)
    return None


@lru_cache(maxsize=64)
def _store(anchor: bytes, second: datetime) -> crypto.X509Store:
    """Return a store that trusts this anchor alone, at this second. All connections in a second share it.

    Certificates have no finer times. A store serves one second only, because its time can be set only once: OpenSSL
    silently keeps the first.
    """
    store = crypto.X509Store()
    store.add_cert(_known_x509(anchor))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(second)
    return store


def _openssl_refusal(path: Path, at: datetime) -> _Refusal | None:
    """Ask OpenSSL about exactly this path, with its last certificate as anchor."""
    try:
        store = _store(path[-1].der, at.astimezone(UTC).replace(microsecond=0))
        between = [_x509(c.der) for c in path[1:-1]]
        crypto.X509StoreContext(store, _x509(path[0].der), between).verify_certificate()
    except crypto.X509StoreContextError as error:
        code = int(error.errors[0]) if error.errors else 0
        # The depth counts along the given path. The certificate in the error cannot always be encoded again.
        depth = int(error.errors[1]) if len(error.errors) > 1 else 0
        if code in NO_ISSUER and (unreadable := _unreadable(path)) is not None:
            return unreadable
        return _Refusal(*explain(code, min(max(depth, 0), len(path) - 1), str(error), path))
    except crypto.Error as error:
        return _unreadable(path) or _Refusal(
            "OpenSSL cannot read a certificate in this chain.", (("verifier", str(error)),), "Issue the chain again."
        )
    return None

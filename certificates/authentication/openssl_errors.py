"""Explain OpenSSL's verification errors, with the one change that helps. Pure.

Sources: OpenSSL's X509_V_ERR codes (x509_vfy.h), RFC 5280 sections 4.2.1.9 (path length) and 4.2.1.10 (name constraints).
"""

from collections.abc import Sequence
from typing import NamedTuple

from cryptography import x509

from certificates.authentication.types import UPLOAD_CA, Values
from certificates.x509.certificate import Certificate, describe_general_names
from certificates.x509.parsing import extensions_of

BAD_SIGNATURE, NOT_YET_VALID, EXPIRED, NO_ISSUER = 7, 9, 10, {1, 2, 20, 21}
PATH_LENGTH, CRITICAL_EXTENSION, NAME_CONSTRAINTS = 25, 34, range(47, 54)

_WORDS = {
    24: "is used as a CA certificate but is not one (basic constraints)",
    32: "must not sign certificates (key usage without keyCertSign)",
    79: "is used as a CA certificate but is not one (basic constraints)",
}
# Extensions that OpenSSL understands where they are critical.
_UNDERSTOOD = (
    x509.AuthorityKeyIdentifier,
    x509.BasicConstraints,
    x509.ExtendedKeyUsage,
    x509.IssuerAlternativeName,
    x509.KeyUsage,
    x509.NameConstraints,
    x509.PolicyConstraints,
    x509.CertificatePolicies,
    x509.InhibitAnyPolicy,
    x509.SubjectAlternativeName,
    x509.SubjectKeyIdentifier,
)


class Explanation(NamedTuple):
    """Why a path is not valid, the values compared, and the change that helps with its action code."""

    sentence: str
    values: Values
    fix: str
    action: str = ""


def explain(code: int, depth: int, text: str, path: Sequence[Certificate]) -> Explanation:
    """Explain one of OpenSSL's errors.

    Arguments: `code`, the X509_V_ERR number; `depth`, its position along `path`; `text`, OpenSSL's own message; `path`,
    the leaf first and the uploaded certificate last.
    """
    at_fault = path[depth]
    name = "The certificate" if depth == 0 else f"The CA certificate {at_fault.subject}"
    values: Values = (("at", at_fault.subject or "(empty subject)"), ("verifier", text))
    if code == BAD_SIGNATURE:
        signer = path[depth + 1].subject if depth + 1 < len(path) else at_fault.issuer
        return Explanation(
            f"A signature in the chain does not verify: {signer} has the issuer's name but a different key.",
            values,
            "Send and upload the CA certificates that actually signed this chain.",
            UPLOAD_CA,
        )
    if code in {NOT_YET_VALID, EXPIRED}:
        return _validity(name, code == EXPIRED, values, at_fault)
    if code in NO_ISSUER:
        return Explanation(
            f"The chain breaks above {at_fault.subject}: its names or key identifiers do not match.",
            (("issuer needed", at_fault.issuer), *values),
            "Issue the chain again so that each certificate states its issuer's name and key identifier.",
        )
    if code == PATH_LENGTH:
        return _path_length(depth, values, path)
    if code == CRITICAL_EXTENSION:
        return _critical_extension(name, depth, values, at_fault)
    if code in NAME_CONSTRAINTS:
        return _name_constraint(name, depth, values, path)
    return Explanation(
        f"{name} {_WORDS.get(code, 'was rejected by OpenSSL: ' + text)}.",
        values,
        "Issue the chain again with correct extensions, and upload the CA certificate that signs the clients.",
        UPLOAD_CA,
    )


def _validity(name: str, is_expired: bool, values: Values, at_fault: Certificate) -> Explanation:
    if is_expired:
        sentence = f"{name} expired on {at_fault.not_after:%d %b %Y %H:%M} UTC."
        fix = "Upload the renewed CA certificate, or issue the client certificate from a valid CA."
    else:
        sentence = f"{name} is not valid until {at_fault.not_before:%d %b %Y %H:%M} UTC."
        fix = "Wait until then, or upload a CA certificate that is valid now."
    return Explanation(sentence, values, fix, UPLOAD_CA)


def _path_length(depth: int, values: Values, path: Sequence[Certificate]) -> Explanation:
    ca = path[depth]
    below = " ← ".join(c.subject or "(empty subject)" for c in path[1:depth])
    allowed = ca.path_length or 0
    between = "no CA certificate is" if allowed == 0 else "at most one is" if allowed == 1 else f"at most {allowed} are"
    return Explanation(
        f"The CA certificate {ca.subject} has too many CA certificates below it (path length exceeded).",
        (*values, ("path length", str(allowed)), ("CA certificates below it", below)),
        f"Issue the client certificate so that {between} between it and {ca.subject}, or issue {ca.subject} again "
        f"with a path length of {depth - 1} or more and upload it.",
        UPLOAD_CA,
    )


def _critical_extension(name: str, depth: int, values: Values, at_fault: Certificate) -> Explanation:
    unknown = [
        e.oid.dotted_string for e in extensions_of(at_fault.der) if e.critical and not isinstance(e.value, _UNDERSTOOD)
    ]
    named = ", ".join(unknown) or "not named"
    without = f"without the critical extension {named}, or with it marked as not critical"
    is_leaf = depth == 0
    return Explanation(
        f"{name} has an unsupported critical extension: {named}.",
        (*values, ("critical extension", named)),
        f"Issue the certificate again {without}."
        if is_leaf
        else f"Issue {at_fault.subject} again {without}, and upload it.",
        "" if is_leaf else UPLOAD_CA,
    )


def _name_constraint(name: str, depth: int, values: Values, path: Sequence[Certificate]) -> Explanation:
    found = [(ca, limits) for ca in path[depth + 1 :] if (limits := _name_limits(ca)) is not None]
    if not found:
        found = [(path[-1], "not stated")]
    owners = " or ".join(ca.subject for ca, _ in found)
    stated = tuple((f"name constraints of {ca.subject}", limits) for ca, limits in found)
    names = [*path[depth].dns_names, *path[depth].uris, *path[depth].ip_addresses, *path[depth].emails]
    shown = ", ".join([path[depth].subject or "(empty subject)", *names])
    return Explanation(
        f"{name} violates a name constraint of {owners}.",
        (*values, *stated, ("names in it", shown)),
        f"Issue it with names that {owners} permits, or from a CA certificate that permits its names.",
    )


def _name_limits(ca: Certificate) -> str | None:
    """Describe the names that a CA certificate permits and excludes; None when it has no name constraints."""
    limits = next((e.value for e in extensions_of(ca.der) if isinstance(e.value, x509.NameConstraints)), None)
    if limits is None:
        return None
    parts = (("permitted", limits.permitted_subtrees), ("excluded", limits.excluded_subtrees))
    return "; ".join(f"{word} {', '.join(describe_general_names(names))}" for word, names in parts if names)

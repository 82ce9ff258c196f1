"""Determine what a certificate is for, and which of several signs the clients. Pure.

Sources: RFC 5280 section 4.2.1; the CA/Browser Forum's Baseline Requirements section 7.1.6 (policy identifiers that only
publicly trusted CAs use).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from certificates.authentication.certification_paths import key_identifier_fits, signed_by
from certificates.x509.certificate import Certificate
from certificates.x509.parsing import extensions_of, library_view
from certificates.x509.strength import can_check

MAX_SIGNATURES_CHECKED = 100

ROOT_CA, INTERMEDIATE_CA = "root-ca", "intermediate-ca"
CLIENT, SERVER, CLIENT_AND_SERVER, OTHER_LEAF = "client", "server", "client-and-server", "leaf"
SELF_SIGNED, UNMARKED_CA = "self-signed", "unmarked-ca"

ROLE_LABELS = {
    ROOT_CA: "root CA",
    INTERMEDIATE_CA: "intermediate CA",
    CLIENT: "client certificate",
    SERVER: "server certificate",
    CLIENT_AND_SERVER: "client or server certificate",
    OTHER_LEAF: "certificate for another purpose",
    SELF_SIGNED: "self-signed certificate",
    UNMARKED_CA: "not marked as a CA",
}
_BASELINE_POLICIES = "2.23.140.1."
_PUBLIC_ORGANIZATIONS = (
    "actalis", "amazon", "baltimore", "buypass", "certsign", "certum", "comodo ca limited", "d-trust", "deutsche telekom",
    "digicert", "entrust", "geotrust", "globalsign", "godaddy", "go daddy", "google trust services", "hellenic academic",
    "identrust", "internet security research group", "let's encrypt", "microsoft corporation", "quovadis", "sectigo",
    "ssl corporation", "ssl.com", "starfield technologies", "swisssign", "t-systems", "thawte", "the usertrust network",
    "trustwave", "unizeto", "verisign", "zerossl",
)  # fmt: skip


@dataclass(frozen=True)
class CertificateWithRole:
    """One certificate of an upload. `role` is a code of `ROLE_LABELS`; `is_best`: the one that signs the clients."""

    certificate: Certificate
    role: str
    is_best: bool = False

    @property
    def label(self) -> str:
        return ROLE_LABELS[self.role]


_CA_WORDS = re.compile(
    r"\b(?:sub-?)?ca\b|\b(?:root|int|intermediate|issuing|issuer|authority|authorities|signing)\b", re.IGNORECASE
)


def may_be_an_unmarked_ca(certificate: Certificate) -> bool:
    """Return whether it may be a CA certificate that was signed without extensions, as `openssl x509 -req` does."""
    names = (*certificate.dns_names, *certificate.uris, *certificate.ip_addresses, *certificate.emails)
    is_bare = not certificate.has_basic_constraints and not certificate.extended_key_usage and not names
    return not certificate.is_ca and (is_bare or "keyCertSign" in certificate.key_usage)


def looks_like_an_unmarked_ca(certificate: Certificate) -> bool:
    """Return whether its name or key usage shows that it is meant to sign certificates, though it is no CA certificate."""
    is_meant = "keyCertSign" in certificate.key_usage or _CA_WORDS.search(certificate.subject) is not None
    return may_be_an_unmarked_ca(certificate) and is_meant


def constraints_of(certificate: Certificate) -> str:
    """Return what its basic constraints are: "CA:TRUE", "CA:FALSE" or "missing"."""
    return "CA:TRUE" if certificate.is_ca else "CA:FALSE" if certificate.has_basic_constraints else "missing"


def role_of(certificate: Certificate) -> str:
    """Return the role code of a certificate, a key of `ROLE_LABELS`."""
    if certificate.is_ca:
        return ROOT_CA if certificate.is_self_issued else INTERMEDIATE_CA
    if certificate.is_self_issued:
        return SELF_SIGNED
    usages = set(certificate.extended_key_usage)
    if not usages or "anyExtendedKeyUsage" in usages or {"clientAuth", "serverAuth"} <= usages:
        return CLIENT_AND_SERVER
    if "clientAuth" in usages:
        return CLIENT
    return SERVER if "serverAuth" in usages else OTHER_LEAF


class Signatures:
    """Finds the issuers among certificates by name, key identifier and signature.

    Checks at most `MAX_SIGNATURES_CHECKED` signatures. Any more, and those that cannot be checked, count as not signed.
    """

    def __init__(self) -> None:
        self._left = MAX_SIGNATURES_CHECKED
        self._known: dict[tuple[bytes, bytes], bool] = {}

    def issued(self, issuer: Certificate, certificate: Certificate) -> bool:
        """Return whether the issuer signed the certificate and is the one that its authority key identifier names."""
        return key_identifier_fits(certificate, issuer) and self.made_signature(issuer, certificate)

    def made_signature(self, issuer: Certificate, certificate: Certificate) -> bool:
        """Return whether the issuer's name and key made the certificate, whatever its authority key identifier states."""
        if issuer.subject_key != certificate.issuer_key:
            return False
        pair = (issuer.der, certificate.der)
        if pair not in self._known:
            if self._left <= 0 or not can_check(issuer):
                return False
            self._left -= 1
            self._known[pair] = signed_by(certificate, issuer)
        return self._known[pair]

    def signer_of(self, leaves: Sequence[Certificate], cas: Sequence[Certificate]) -> Certificate | None:
        """Return the first of the CA certificates that signed one of the leaves, or None."""
        pairs = ((ca, leaf) for leaf in leaves for ca in cas if ca.der != leaf.der)
        return next((ca for ca, leaf in pairs if self.issued(ca, leaf)), None)

    def unmarked_signer(
        self, certificates: Sequence[Certificate], others: Sequence[Certificate]
    ) -> tuple[Certificate, Certificate] | None:
        """Return one of the certificates that is no CA certificate but signed another one, and that one; else None."""
        unmarked = [c for c in certificates if not c.is_ca]
        pairs = ((c, other) for c in unmarked for other in (*certificates, *others) if other.der != c.der)
        return next(((c, other) for c, other in pairs if self.issued(c, other)), None)


def lowest_cas(certificates: Sequence[Certificate]) -> list[Certificate]:
    """Return the CA certificates of a bundle that issued no other CA certificate of it, by their names."""
    cas = [c for c in certificates if c.is_ca]
    issuers = {c.issuer_key for c in cas if not c.is_self_issued}
    return [c for c in cas if c.subject_key not in issuers] or cas


def public_web_ca(certificate: Certificate) -> str:
    """Return the organization if this looks like a public CA for web server certificates, else ""."""
    parsed = library_view(certificate.der)
    names = [
        str(attribute.value)
        for name in (parsed.subject, parsed.issuer)
        for attribute in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]
    for name in names:
        if name.casefold().startswith(_PUBLIC_ORGANIZATIONS):
            return name
    policies = [
        policy
        for extension in extensions_of(certificate.der)
        if isinstance(extension.value, x509.CertificatePolicies)
        for policy in extension.value
    ]
    if any(policy.policy_identifier.dotted_string.startswith(_BASELINE_POLICIES) for policy in policies):
        return names[0] if names else certificate.subject
    return ""

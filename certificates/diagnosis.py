"""Facts about an upload → problems, each with what to do next. Pure: no Django, no I/O; the moment is an argument.

Sources: RFC 5280 section 4.2.1 (basic constraints, key usage), Azure's rule that the uploaded certificate is the CA
certificate that directly signs the clients, docs/policy.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from certificates.decoding import Certificate, DecodingError, load_certificate
from certificates.verification import MAX_RSA_BITS, MIN_RSA_BITS

EXPIRES_SOON = timedelta(days=30)

Values = tuple[tuple[str, str], ...]


class _Report(Protocol):
    """Collects one error: code, sentence, next step, values."""

    def __call__(self, code: str, sentence: str, next_step: str, *values: tuple[str, str]) -> None: ...


@dataclass(frozen=True)
class Problem:
    """One thing that stands in the way ("error") or must be seen ("warning"). `code` is stable."""

    code: str
    severity: str
    sentence: str
    next_step: str
    values: Values = ()


@dataclass(frozen=True)
class Diagnosis:
    """What was found. `chosen` is the certificate that will be stored, or None when there is an error."""

    problems: tuple[Problem, ...]
    chosen: Certificate | None

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "warning")


def diagnose_ca_upload(
    certificates: Sequence[Certificate], *, existing: Sequence[tuple[str, bytes]] = (), at: datetime
) -> Diagnosis:
    """Say whether one of the read certificates can be uploaded as CA certificate of a namespace.

    Arguments: `certificates` in the order of the file; `existing`, names and DER of the namespace's CA certificates;
    `at`, an aware moment. Several certificates in one file are refused; the sentence names the one that fits.
    """
    if not certificates:
        return Diagnosis(
            (Problem("not-a-certificate", "error", "There is no certificate here.", "Choose a file."),), None
        )
    distinct = list({c.der: c for c in certificates}.values())
    if len(distinct) > 1:
        return Diagnosis((_several(distinct),), None)
    certificate = distinct[0]
    problems = (*_errors(certificate, existing, at), *_warnings(certificate, existing, at))
    failed = any(p.severity == "error" for p in problems)
    return Diagnosis(problems, None if failed else certificate)


def signing_ca(certificates: Sequence[Certificate]) -> Certificate | None:
    """Of a bundle, the CA certificate that signs the clients: the one that signed a leaf, else the lowest CA."""
    cas = [c for c in certificates if c.is_ca]
    for leaf in (c for c in certificates if not c.is_ca):
        for ca in cas:
            if ca.subject == leaf.issuer:
                return ca
    issuers = {c.issuer for c in cas if not c.is_self_issued}
    lowest = [c for c in cas if c.subject not in issuers]
    return next(iter(lowest or cas), None)


def _several(certificates: Sequence[Certificate]) -> Problem:
    best = signing_ca(certificates)
    values = tuple((_role(c), c.subject) for c in certificates)
    next_step = (
        f"Upload only the one that signs the clients: {best.subject}."
        if best is not None
        else "None of them is a CA certificate. Bring the CA certificate that signed them."
    )
    return Problem(
        "several-certificates",
        "error",
        f"There are {len(certificates)} certificates in this file, and Azure takes one.",
        next_step,
        values,
    )


def _role(certificate: Certificate) -> str:
    if not certificate.is_ca:
        return "client or server certificate"
    return "root CA" if certificate.is_self_issued else "intermediate CA"


def _errors(certificate: Certificate, existing: Sequence[tuple[str, bytes]], at: datetime) -> list[Problem]:
    found = []

    def error(code: str, sentence: str, next_step: str, *values: tuple[str, str]) -> None:
        found.append(Problem(code, "error", sentence, next_step, values))

    if not certificate.is_ca:
        _not_a_ca(certificate, error)
    elif certificate.key_usage and "keyCertSign" not in certificate.key_usage:
        error(
            "no-key-cert-sign",
            "This CA certificate may not sign certificates: its key usage lacks keyCertSign.",
            "Issue the CA certificate again with the key usage keyCertSign.",
            ("key usage", ", ".join(certificate.key_usage)),
        )
    if at > certificate.not_after:
        error(
            "expired",
            f"This certificate expired on {certificate.not_after:%d %b %Y}.",
            "Renew the CA certificate and bring the new one.",
        )
    if at < certificate.not_before:
        error(
            "not-yet-valid",
            f"This certificate is not valid before {certificate.not_before:%d %b %Y %H:%M} UTC.",
            "Wait until then, or check the clock of the machine that issued it.",
        )
    _weak(certificate, error)
    for name, der in existing:
        if der == certificate.der:
            error("duplicate", f"This certificate is already here as {name}.", f"There is nothing to do: use {name}.")
    return found


def _not_a_ca(certificate: Certificate, error: _Report) -> None:
    if certificate.is_self_issued:
        error(
            "self-signed-leaf",
            "This is a self-signed client certificate, not a CA certificate.",
            "Register it as a client with Thumbprint Match; that needs no CA certificate.",
            ("thumbprint", certificate.thumbprint_sha256),
        )
        return
    error(
        "leaf",
        "This is a client certificate, not the CA certificate that signed it.",
        f"Bring the certificate with the subject {certificate.issuer}. "
        "Or register this one as a client with Thumbprint Match.",
        ("subject to look for", certificate.issuer),
        ("key identifier to look for", certificate.authority_key_identifier or "not stated"),
    )


def _weak(certificate: Certificate, error: _Report) -> None:
    is_rsa = certificate.key.startswith("RSA")
    if is_rsa and certificate.key_bits < MIN_RSA_BITS:
        error(
            "weak-key",
            f"This certificate has a weak key ({certificate.key}).",
            "Use RSA 2048 bits or more, or EC P-256.",
        )
    if is_rsa and certificate.key_bits > MAX_RSA_BITS:
        error(
            "key-too-large",
            f"This certificate's key ({certificate.key}) is larger than servers verify.",
            "Use RSA 2048 to 4096 bits, or EC P-256.",
        )
    if certificate.key.startswith(("unsupported", "DSA", "Ed448")) or certificate.key_bits == 0:
        error(
            "key-type",
            f"This kind of key ({certificate.key}) is not supported.",
            "Use RSA 2048 bits or more, or EC P-256.",
        )
    if certificate.signature.endswith(("SHA-1", "MD5")) and not certificate.is_self_issued:
        error(
            "weak-hash",
            f"This certificate is signed with a weak hash ({certificate.signature}).",
            "Have it signed again with SHA-256.",
        )


def _warnings(certificate: Certificate, existing: Sequence[tuple[str, bytes]], at: datetime) -> list[Problem]:
    found = []
    if certificate.not_before <= at <= certificate.not_after and certificate.not_after - at <= EXPIRES_SOON:
        days = (certificate.not_after - at).days
        found.append(
            Problem(
                "expires-soon",
                "warning",
                f"This certificate expires in {days} {'day' if days == 1 else 'days'}, on {certificate.not_after:%d %b %Y}.",
                "Plan its renewal; clients it signed stop connecting then.",
            )
        )
    if (
        certificate.is_ca
        and certificate.is_self_issued
        and (certificate.path_length is None or certificate.path_length > 0)
    ):
        found.append(
            Problem(
                "root",
                "warning",
                "This is a root certificate.",
                "That is right when it signs the clients itself. When an intermediate signs them, upload the intermediate.",
            )
        )
    for name, der in existing:
        try:
            other = load_certificate(der)
        except DecodingError:
            continue
        if other.der != certificate.der and other.subject == certificate.subject:
            same_key = (
                bool(certificate.subject_key_identifier)
                and other.subject_key_identifier == certificate.subject_key_identifier
            )
            found.append(
                Problem(
                    "same-key" if same_key else "same-subject",
                    "warning",
                    f"{name} has the same subject{' and key' if same_key else ', but another key'}.",
                    "Keep both while clients change over; then delete the old one."
                    if not same_key
                    else "This looks like a renewal: delete the old one once this one works.",
                )
            )
    return found

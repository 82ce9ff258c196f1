"""Check whether one certificate can be uploaded as a CA certificate, and warn about what else matters. Pure.

Sources: RFC 5280 section 4.2.1 (basic constraints, key usage), Azure's rule that the uploaded certificate is the CA
certificate that directly signs the clients, docs/policy.md.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from certificates.authentication.chain import openssl_problem
from certificates.authentication.matching import THUMBPRINT_SCHEME, first_name, fitting_scheme
from certificates.diagnosis import client_warnings
from certificates.diagnosis.chain_roles import (
    Signatures,
    constraints_of,
    looks_like_an_unmarked_ca,
    may_be_an_unmarked_ca,
    public_web_ca,
)
from certificates.diagnosis.problems import CREATE_CLIENT, CREATE_THUMBPRINT_CLIENT, Fix, Problem, Report, reporter
from certificates.x509.certificate import Certificate, DecodingError, load_certificate, public_key_bytes
from certificates.x509.serial_numbers import serial_text
from certificates.x509.strength import key_flaw, signature_flaw

EXPIRES_SOON = timedelta(days=30)

_SIGN_AGAIN = (
    "Sign it again with basicConstraints=critical,CA:TRUE and keyUsage=critical,keyCertSign: openssl x509 -req adds them only "
    "with -extfile. Then upload the new one. The client certificates stay valid if the key stays the same."
)
_IF_A_CA = " If it is a CA certificate instead, it lacks basicConstraints CA:TRUE: sign it again with -extfile."
_RENEW_FIRST = "It has expired and no client can connect with it, so issue it again first."

Existing = Sequence[tuple[str, bytes]]


def errors(
    certificate: Certificate,
    existing: Existing,
    at: datetime,
    signatures: Signatures,
    known: Sequence[Certificate] = (),
) -> list[Problem]:
    """Return why the certificate cannot be uploaded, the most important error first.

    Arguments: `existing`, names and DER of the namespace's CA certificates; `at`, an aware datetime; `signatures`, the
    signature checks of this upload; `known`, the certificates seen from clients.
    """
    found, error = reporter("error")
    if not certificate.is_ca:
        here = readable(existing)
        signed = signatures.unmarked_signer([certificate], [*known, *(ca for _, ca in here)])
        if signed is not None or looks_like_an_unmarked_ca(certificate):
            _unmarked_ca(certificate, signed[1] if signed is not None else None, error)
        else:
            _not_a_ca(certificate, here, at, signatures, error)
    elif certificate.key_usage and "keyCertSign" not in certificate.key_usage:
        error(
            "no-key-cert-sign",
            "This CA certificate must not sign certificates: its key usage lacks keyCertSign.",
            "Issue the CA certificate again with the key usage keyCertSign.",
            ("key usage", ", ".join(certificate.key_usage)),
        )
    _outside_validity(certificate, at, error)
    _too_weak(certificate, error)
    for name, der in existing:
        if der == certificate.der:
            error(
                "duplicate", f"This certificate is already uploaded as {name}.", f"There is nothing to do: use {name}."
            )
    return found


def readable(existing: Existing) -> list[tuple[str, Certificate]]:
    """Return the namespace's readable CA certificates with their names."""
    found = []
    for name, der in existing:
        try:
            found.append((name, load_certificate(der)))
        except DecodingError:
            continue
    return found


def limit_reached(most: int) -> Problem:
    """Return the error that the namespace has its maximum of CA certificates.

    Arguments: `most`, the maximum.
    """
    found, error = reporter("error")
    error(
        "limit",
        f"This namespace already has the maximum of {most} CA certificates, including those being deleted.",
        "Delete one that is no longer used, or reuse the name of one that is being deleted.",
    )
    return found[0]


def unmarked_ca(certificate: Certificate, signed: Certificate | None) -> tuple[str, str]:
    """Return a sentence about a CA certificate that is not marked as one, and what to do.

    Arguments: `signed`, a certificate that it signed, or None where only its name or key usage shows what it is meant for.
    """
    name = certificate.subject or "(empty name)"
    if signed is not None:
        evidence = f"{name} signed {signed.subject or '(empty name)'} but"
    else:
        evidence = f"{name} looks like a CA certificate but"
    stated = "CA:TRUE is missing" if constraints_of(certificate) == "missing" else "is CA:FALSE"
    return f"{evidence} is not marked as a CA (basicConstraints {stated}).", _SIGN_AGAIN


def _unmarked_ca(certificate: Certificate, signed: Certificate | None, error: Report) -> None:
    values = (("basic constraints", constraints_of(certificate)),)
    seen = (("signed", signed.subject),) if signed is not None else ()
    error("not-marked-as-ca", *unmarked_ca(certificate, signed), *values, *seen)


def _not_a_ca(
    certificate: Certificate,
    existing: Sequence[tuple[str, Certificate]],
    at: datetime,
    signatures: Signatures,
    error: Report,
) -> None:
    has_expired = at > certificate.not_after
    renew = _RENEW_FIRST if has_expired else ""
    by_thumbprint = None if has_expired else _thumbprint_fix(certificate)
    if_a_ca = _IF_A_CA if may_be_an_unmarked_ca(certificate) else ""
    if certificate.is_self_issued:
        error(
            "self-signed-leaf",
            "This is a self-signed client certificate, not a CA certificate.",
            (renew or "Register it as a client with Thumbprint Match, which needs no CA certificate.") + if_a_ca,
            ("thumbprint", certificate.thumbprint_sha256),
            fix=by_thumbprint,
        )
        return
    issuer = next((name for name, ca in existing if ca.is_ca and signatures.issued(ca, certificate)), "")
    if issuer:
        error(
            "leaf-of-known-ca",
            f"This is a client certificate. The CA certificate that signed it is already uploaded as {issuer}.",
            f"There is nothing to upload. {renew or 'Register a client for it.'}{if_a_ca}",
            ("signed by", issuer),
            fix=None if has_expired else client_fix(certificate),
        )
        return
    error(
        "leaf",
        "This is a client certificate, not the CA certificate that signed it.",
        f"Upload the certificate with subject {certificate.issuer or '(empty name)'}. "
        f"{renew or 'Or register this one as a client with Thumbprint Match.'}{if_a_ca}",
        ("expected subject", certificate.issuer or "(empty name)"),
        ("expected key identifier", certificate.authority_key_identifier or "not stated"),
        fix=by_thumbprint,
    )


def client_fix(certificate: Certificate) -> Fix:
    """Return the fix that opens Create client, filled in from the certificate."""
    name = first_name(certificate)
    scheme = fitting_scheme(certificate, name)
    if not scheme:
        return _thumbprint_fix(certificate)
    values = (("authentication_name", name), ("validation_scheme", scheme), ("thumbprint", ""))
    return Fix(CREATE_CLIENT, "Create a client from it", certificate, values)


def _thumbprint_fix(certificate: Certificate) -> Fix:
    values = (
        ("authentication_name", first_name(certificate)),
        ("validation_scheme", THUMBPRINT_SCHEME),
        ("thumbprint", certificate.thumbprint_sha256),
    )
    return Fix(CREATE_THUMBPRINT_CLIENT, "Create a Thumbprint Match client from it", certificate, values)


def _outside_validity(certificate: Certificate, at: datetime, error: Report) -> None:
    if at > certificate.not_after:
        error(
            "expired",
            f"This certificate expired on {certificate.not_after:%d %b %Y}.",
            "Renew the CA certificate and upload the new one." if certificate.is_ca else "Issue the certificate again.",
            ("valid to", f"{certificate.not_after:%d %b %Y %H:%M} UTC"),
        )
    if at < certificate.not_before:
        error(
            "not-yet-valid",
            f"This certificate is not valid until {certificate.not_before:%d %b %Y %H:%M} UTC.",
            "Wait until then, or check the clock of the machine that issued it.",
            ("valid from", f"{certificate.not_before:%d %b %Y %H:%M} UTC"),
        )


def _too_weak(certificate: Certificate, error: Report) -> None:
    if problem := openssl_problem(certificate.der):
        part, fix = problem
        error("not-usable", f"OpenSSL and TLS servers cannot read this certificate: {part}.", fix, ("part", part))
    flaw = key_flaw(certificate)
    if flaw is not None:
        error(flaw.code, f"This certificate {flaw.claim} ({flaw.value}).", f"Use {flaw.instead}.", ("key", flaw.value))
    flaw = signature_flaw(certificate)
    if flaw is not None and not (certificate.is_ca or certificate.is_self_issued):
        error(
            flaw.code,
            f"This certificate {flaw.claim} ({flaw.value}).",
            f"Have it signed again with {flaw.instead}.",
            ("signature", flaw.value),
        )


def warnings(
    certificate: Certificate,
    existing: Existing,
    known: Sequence[Certificate],
    at: datetime,
    signatures: Signatures,
) -> list[Problem]:
    """Return what the user should know before uploading the certificate.

    Arguments: as for `errors`; `known`, the certificates seen from clients.
    """
    found, warn = reporter("warning")
    if certificate.not_before <= at <= certificate.not_after and certificate.not_after - at <= EXPIRES_SOON:
        days = (certificate.not_after - at).days
        warn(
            "expires-soon",
            f"This certificate expires in {days} {'day' if days == 1 else 'days'}, on {certificate.not_after:%d %b %Y}.",
            "Plan its renewal. Clients it signed can no longer connect after that date.",
        )
    if certificate.has_odd_serial_number:
        warn(
            "serial-number",
            f"Its serial number is {certificate.serial_number}, which RFC 5280 forbids.",
            "It works here, but some programs reject it. Use a positive serial number when you renew it.",
            ("serial number", serial_text(certificate.serial_number)),
        )
    if certificate.is_ca:
        client_warnings.add(certificate, readable(existing), known, at, signatures, warn)
        _weak_but_allowed(certificate, warn)
    organization = public_web_ca(certificate)
    if organization:
        warn(
            "public-ca",
            f"This looks like a public CA ({organization}): anyone can get a certificate from it.",
            "Anyone with a certificate in a client's name can connect as that client. Use your own CA.",
            ("organization", organization),
        )
    _compare_with_others(certificate, readable(existing), warn)
    return found


def _weak_but_allowed(certificate: Certificate, warn: Report) -> None:
    _signature_that_is_not_checked(certificate, warn)
    if not certificate.key_usage:
        warn(
            "no-key-usage",
            "This CA certificate has no key usage extension.",
            "It works here, but some verifiers reject it. Issue the next one with the key usage keyCertSign.",
        )
    if certificate.key == "Ed25519":
        warn(
            "uncommon-key",
            "This CA certificate has an Ed25519 key, which not every server can verify.",
            "Use EC P-256 if clients also connect to Azure.",
            ("key", certificate.key),
        )


def _signature_that_is_not_checked(certificate: Certificate, warn: Report) -> None:
    """Warn about the signature on a trust anchor, which the endpoint does not check (RFC 5280, 6.1.1)."""
    flaw = signature_flaw(certificate)
    if flaw is None:
        return
    if certificate.is_self_issued:
        warn(
            "weak-self-signature",
            f"This root {flaw.claim} ({flaw.value}).",
            "It still works, because a root's own signature is not checked. Use SHA-256 when you renew it.",
            ("signature", flaw.value),
        )
    else:
        warn(
            flaw.code,
            f"This CA certificate {flaw.claim} ({flaw.value}).",
            "It still works once uploaded, because its own signature is then not checked. Clients that send it with their "
            f"certificate may be unable to load it: have it signed again with {flaw.instead}.",
            ("signature", flaw.value),
        )


def _compare_with_others(certificate: Certificate, existing: Sequence[tuple[str, Certificate]], warn: Report) -> None:
    own_key = public_key_bytes(certificate.der)
    for name, other in existing:
        if other.der == certificate.der:
            continue
        has_same_key = own_key != b"" and public_key_bytes(other.der) == own_key
        if has_same_key and other.subject == certificate.subject:
            warn(
                "same-key",
                f"{name} has the same subject and key.",
                "This looks like a renewal. Delete the old one once this one works.",
                ("other certificate", name),
            )
        elif has_same_key:
            warn(
                "same-key",
                f"{name} has the same key with a different subject ({other.subject}).",
                "Use a separate key for each CA.",
                ("other certificate", name),
            )
        elif other.subject == certificate.subject:
            warn(
                "same-subject",
                f"{name} has the same subject but a different key.",
                "Keep both while clients switch over, then delete the old one.",
                ("other certificate", name),
            )

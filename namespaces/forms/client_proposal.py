"""What a client's own certificate proposes for its registration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.http import QueryDict

from certificates.authentication.matching import SUBJECT_SCHEME, first_name, fitting_scheme
from certificates.authentication.types import SCHEMES_BY_VALUE
from certificates.x509.certificate import name_key
from certificates.x509.reading import (
    Certificate,
    DecodingError,
    from_azure_pem,
    load_certificate,
    read_client_upload,
    to_azure_pem,
)
from certificates.x509.strength import key_flaw, signature_flaw
from namespaces.rules.clients import THUMBPRINT_SCHEME

LONGEST_CERTIFICATE = 200_000  # characters


@dataclass(frozen=True)
class Proposal:
    """Values for the form, and a sentence that explains them."""

    authentication_name: str
    validation_scheme: str
    thumbprint: str
    subject: str
    issuer: str
    sentence: str
    has_known_issuer: bool
    certificate: Certificate

    @property
    def pem(self) -> str:
        """The certificate on one line, to come back with the form."""
        return to_azure_pem(self.certificate.der)

    @property
    def thumbprints(self) -> list[str]:
        return [self.thumbprint] if self.validation_scheme == THUMBPRINT_SCHEME else []


class Warned(NamedTuple):
    """Why the endpoint will refuse the certificate: a code, and a sentence for people."""

    code: str
    sentence: str


@dataclass(frozen=True)
class CertificateReading:
    """What was read from the client's certificate: a proposal and its warnings, or why it cannot be read."""

    proposal: Proposal | None = None
    warnings: tuple[Warned, ...] = ()
    problem: str = ""
    file_name: str = ""


def reading_of(data: QueryDict, *, uploaded: Mapping[str, str], at: datetime) -> CertificateReading:
    """Read the certificate that came back with the form; empty where there was none."""
    text = data.get("proposed_certificate", "")
    if not text or len(text) > LONGEST_CERTIFICATE:
        return CertificateReading()
    try:
        proposal = propose_for(load_certificate(from_azure_pem(text)), uploaded=uploaded)
    except DecodingError:
        return CertificateReading()
    return CertificateReading(
        proposal, warnings_of(proposal, at=at), file_name=data.get("proposed_file_name", "")[:200]
    )


def propose(data: bytes, *, uploaded: Mapping[str, str]) -> Proposal:
    """Read a client certificate, with or without its chain, and propose how to register it.

    `uploaded` are the subjects of the uploaded CA certificates by their thumbprints. Raises DecodingError.
    """
    return propose_for(read_client_upload(data)[0], uploaded=uploaded)


def propose_for(certificate: Certificate, *, name: str = "", uploaded: Mapping[str, str]) -> Proposal:
    """How to register a client with this certificate, and with this authentication name where one is given.

    A certificate that signed itself is registered by its thumbprint, whatever names it has, also where it was uploaded.
    """
    wanted, name = name, name or first_name(certificate)
    scheme = fitting_scheme(certificate, name) or THUMBPRINT_SCHEME
    has_known_issuer = any(
        name_key(subject) == certificate.issuer_key
        for thumbprint, subject in uploaded.items()
        if subject and thumbprint != certificate.thumbprint_sha256
    )
    if certificate.is_self_issued and not has_known_issuer:
        scheme = THUMBPRINT_SCHEME
        sentence = "It is self-signed, so Thumbprint Match fits: no CA certificate is needed."
    elif scheme != THUMBPRINT_SCHEME:
        known = SCHEMES_BY_VALUE[scheme]
        part = "common name" if scheme == SUBJECT_SCHEME else known.part
        sentence = f"Its {part} is “{name}”, so {known.label} fits."
    else:
        no_name = (
            f"None of its names is “{wanted}”" if wanted else "It carries no name that could be an authentication name"
        )
        sentence = f"{no_name}, so Thumbprint Match fits."
    return Proposal(
        authentication_name=name,
        validation_scheme=scheme,
        thumbprint=certificate.thumbprint_sha256,
        subject=certificate.subject,
        issuer=certificate.issuer,
        sentence=sentence,
        has_known_issuer=has_known_issuer,
        certificate=certificate,
    )


def warnings_of(proposal: Proposal, *, at: datetime) -> tuple[Warned, ...]:
    """Why the endpoint will refuse this certificate although its names fit."""
    return tuple(_warnings(proposal.certificate, by_chain=not proposal.thumbprints, at=at))


def _warnings(certificate: Certificate, *, by_chain: bool, at: datetime) -> Iterator[Warned]:
    if at < certificate.not_before:
        start = f"{certificate.not_before:%d %b %Y %H:%M} UTC"
        yield Warned("not-yet-valid", f"It is not valid yet: until {start} the endpoint refuses it.")
    if at > certificate.not_after:
        end = f"{certificate.not_after:%d %b %Y %H:%M} UTC"
        instead = "Issue a new one to the client from the same CA."
        yield Warned("expired", f"It expired on {end}, so the endpoint refuses it. {instead}")
    if not by_chain:
        return  # what follows is no matter to Thumbprint Match
    if not certificate.allows_clients:
        usages = ", ".join(certificate.extended_key_usage)
        use = f"its extended key usage is {usages}, without clientAuth"
        yield Warned("wrong-purpose", f"It is not for clients, so the endpoint refuses it: {use}.")
    for flaw in (signature_flaw(certificate), key_flaw(certificate)):
        if flaw is not None:
            sentence = f"It {flaw.claim} ({flaw.value}), so the endpoint refuses it. Issue it with {flaw.instead}."
            yield Warned(flaw.code, sentence)

"""Whom a sample certificate is for, and what is deliberately wrong with it. Pure.

Sources: docs/policy.md for what each fault leads to; RFC 5280 appendix A (upper bounds).
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from certificates.authentication.decision import SCHEMES_BY_VALUE, VALIDATION_SCHEMES

MAX_COMMON_NAME = 64  # ub-common-name of RFC 5280
SUBJECT, DNS, URI, IP, EMAIL, THUMBPRINT = (scheme.value for scheme in VALIDATION_SCHEMES)


class IssuingError(ValueError):
    """A name that cannot stand in a certificate in the asked way. `field` is "name", "scheme" or "fault"."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True)
class SampleFault:
    """Something deliberately wrong, for showing what then happens.

    `fails_at` is the step of the trace that fails ("" when the client is accepted all the same), and
    `fails_at_with_thumbprint` the same for Thumbprint Match, which looks at fewer things; `to_present` what a client
    needs before the endpoint sees it at all.
    """

    code: str
    label: str
    explanation: str
    fails_at: str
    fails_at_with_thumbprint: str = ""
    to_present: str = ""


SAMPLE_FAULTS: tuple[SampleFault, ...] = (
    SampleFault(
        "expired", "Expired", "Its validity ended yesterday.", "within-validity", "within-validity"
    ),
    SampleFault(
        "not-yet-valid", "Not yet valid", "Its validity starts in 30 days.", "within-validity", "within-validity"
    ),
    SampleFault(
        "wrong-purpose",
        "Wrong extended key usage",
        "It is for servers only (serverAuth).",
        "client-authentication-allowed",
    ),
    SampleFault("other-ca", "Signed by another CA", "Its CA certificate is not the one to upload.", "issuer-found"),
    SampleFault(
        "leaf-as-ca",
        "Signed by a client certificate",
        "A certificate that is no CA signed it; that certificate is in its file too.",
        "chain-verified",
    ),
    SampleFault(
        "sha-1",
        "Signed with SHA-1",
        "The signature uses a hash that can be forged.",
        "chain-verified",
        to_present="OpenSSL 3 does not even load it (“ca md too weak”), so that most clients end before they connect. "
        "Lower the client's level to see the endpoint's answer: mosquitto_pub --ciphers DEFAULT@SECLEVEL=0, "
        "or set_ciphers('DEFAULT:@SECLEVEL=0') in Python. The page Test authentication shows the verdict in any case.",
    ),
    SampleFault(
        "wrong-san-kind",
        "Name in another field",
        "The authentication name stands in a field that its validation scheme does not look at.",
        "scheme-compared",
    ),
    SampleFault(
        "wrong-case",
        "Name in other case",
        "Capital and small letters are swapped, and names compare without case; this one shows that it does no harm.",
        "",
    ),
)  # fmt: skip
FAULTS_BY_CODE: Mapping[str, SampleFault] = {fault.code: fault for fault in SAMPLE_FAULTS}


@dataclass(frozen=True)
class ClientName:
    """A client to make a certificate for: authentication name, validation scheme, and a fault's code or ""."""

    authentication_name: str
    validation_scheme: str = SUBJECT
    fault: str = ""

    @property
    def fails_at(self) -> str:
        """The step of the trace that will fail, or "" when the client will be accepted."""
        if not self.fault:
            return ""
        fault = FAULTS_BY_CODE[self.fault]
        return fault.fails_at_with_thumbprint if self.validation_scheme == THUMBPRINT else fault.fails_at


TEACHING_NAMES: tuple[ClientName, ...] = (
    ClientName("sensor-1", SUBJECT),
    ClientName("sensor-2.plant.example", DNS),
    ClientName("urn:plant:sensor-3", URI),
    ClientName("192.0.2.4", IP),
    ClientName("sensor-5@plant.example", EMAIL),
    ClientName("sensor-6", THUMBPRINT),
    *(
        ClientName(f"faulty-{number}-{fault.code}", SUBJECT, fault.code)
        for number, fault in enumerate(SAMPLE_FAULTS, 1)
    ),
)


def file_stem(authentication_name: str) -> str:
    """What the files of a client are called, without the ending: one word for every shell, and never two dots together."""
    return re.sub(r"[^A-Za-z0-9._-]|\.(?=\.)", "_", authentication_name).strip(".-") or "client"


def check_client_name(name: ClientName) -> None:
    """Raise `IssuingError` when the authentication name cannot stand where its validation scheme looks for it."""
    text, scheme = name.authentication_name, name.validation_scheme
    if scheme not in SCHEMES_BY_VALUE:
        raise IssuingError("scheme", f"{scheme} is not one of the six validation schemes.")
    if name.fault and name.fault not in FAULTS_BY_CODE:
        raise IssuingError("fault", f"{name.fault} is not a known fault. Use one of: {', '.join(FAULTS_BY_CODE)}.")
    if not text.strip() or len(text) > 128:
        raise IssuingError("name", "A client authentication name has 1 to 128 characters.")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise IssuingError("name", "A certificate cannot carry control characters in a name.")
    if scheme == SUBJECT and not fits_subject(text):
        raise IssuingError(
            "scheme",
            f"{text[:40]} is too long for a subject (64 characters) or not plain ASCII. "
            "Choose a DNS, URI or e-mail scheme for it, or Thumbprint Match.",
        )
    if scheme == IP:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise IssuingError("name", f"{text[:40]} is not an IPv4 or IPv6 address.") from None
    if scheme in {DNS, URI, EMAIL}:
        if not text.isascii():
            raise IssuingError("scheme", "This kind of name holds ASCII only. Choose Thumbprint Match for this name.")
        if scheme == EMAIL and "@" not in text:
            raise IssuingError("name", f"{text[:40]} is not an e-mail address.")


def fits_subject(text: str) -> bool:
    """Whether a name can be a common name that every tool reads: ASCII, at most 64 characters."""
    return len(text) <= MAX_COMMON_NAME and text.isascii()

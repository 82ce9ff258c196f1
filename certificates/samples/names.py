"""Names of sample clients, and the faults that a sample certificate can have. Pure.

Sources: docs/policy.md for what each fault leads to; RFC 5280 appendix A (upper bounds).
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from certificates.authentication.types import SCHEMES_BY_VALUE, VALIDATION_SCHEMES

MAX_COMMON_NAME = 64  # ub-common-name of RFC 5280
SUBJECT, DNS, URI, IP, EMAIL, THUMBPRINT = (scheme.value for scheme in VALIDATION_SCHEMES)


class IssuingError(ValueError):
    """Raised for a sample client that cannot be issued. `field` is "name", "scheme" or "fault"."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True)
class SampleFault:
    """A deliberate fault, to show how it is rejected.

    `fails_at` is the code of the step that fails ("" when the client is accepted nevertheless), and
    `fails_at_with_thumbprint` the same for Thumbprint Match, which checks less. `to_present` is what a TLS client needs
    before it can present such a certificate.
    """

    code: str
    label: str
    explanation: str
    fails_at: str
    fails_at_with_thumbprint: str = ""
    to_present: str = ""


SAMPLE_FAULTS: tuple[SampleFault, ...] = (
    SampleFault(
        "expired", "Expired", "It expired yesterday.", "within-validity", "within-validity"
    ),
    SampleFault(
        "not-yet-valid", "Not yet valid", "It becomes valid in 30 days.", "within-validity", "within-validity"
    ),
    SampleFault(
        "wrong-purpose",
        "Wrong extended key usage",
        "It is for servers only (serverAuth).",
        "client-authentication-allowed",
    ),
    SampleFault("other-ca", "Signed by another CA", "Its CA certificate is not the one that you upload.", "issuer-found"),
    SampleFault(
        "leaf-as-ca",
        "Signed by a client certificate",
        "It was signed by a certificate that is not a CA certificate, which is also in its file.",
        "chain-verified",
    ),
    SampleFault(
        "sha-1",
        "Signed with SHA-1",
        "The signature uses a hash that can be forged.",
        "chain-verified",
        to_present="OpenSSL 3 does not load it (“ca md too weak”), so most clients fail before they connect. "
        "To see the endpoint's answer, lower the client's security level: mosquitto_pub --ciphers DEFAULT@SECLEVEL=0, "
        "or set_ciphers('DEFAULT:@SECLEVEL=0') in Python. The Test authentication page always shows the verdict.",
    ),
    SampleFault(
        "wrong-san-kind",
        "Name in another field",
        "The authentication name is in a field that its validation scheme does not read.",
        "scheme-compared",
    ),
    SampleFault(
        "wrong-case",
        "Name in different case",
        "Upper and lower case are swapped. It is accepted, because names are not case-sensitive.",
        "",
    ),
)  # fmt: skip
FAULTS_BY_CODE: Mapping[str, SampleFault] = {fault.code: fault for fault in SAMPLE_FAULTS}


@dataclass(frozen=True)
class ClientName:
    """A client to issue a certificate for: authentication name, validation scheme, and a fault code or ""."""

    authentication_name: str
    validation_scheme: str = SUBJECT
    fault: str = ""

    @property
    def fails_at(self) -> str:
        """The code of the step that will fail, or "" when the client will be accepted."""
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
    """Return the name of a client's files without extension: safe in every shell, and without two dots in a row."""
    return re.sub(r"[^A-Za-z0-9._-]|\.(?=\.)", "_", authentication_name).strip(".-") or "client"


def check_client_name(name: ClientName) -> None:
    """Raise `IssuingError` when the authentication name cannot be put where its validation scheme reads it."""
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
            raise IssuingError("scheme", "This kind of name must be ASCII. Choose Thumbprint Match for this name.")
        if scheme == EMAIL and "@" not in text:
            raise IssuingError("name", f"{text[:40]} is not an e-mail address.")


def fits_subject(text: str) -> bool:
    """Return whether a name can be a common name that every tool reads: ASCII, at most 64 characters."""
    return len(text) <= MAX_COMMON_NAME and text.isascii()

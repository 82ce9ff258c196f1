"""An upload → what it is, what is wrong with it, and what to do next. Pure: no Django, no I/O; the moment is an argument.

Sources: certificate cases that people bring (docs/policy.md), `ca_rules` for one certificate, `roles` for several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from certificates import ca_rules
from certificates.ca_rules import EXPIRES_SOON, Existing
from certificates.decoding import read_upload
from certificates.facts import Certificate, DecodingError
from certificates.problems import CHOOSE_CERTIFICATE, Fix, Problem
from certificates.roles import CertificateWithRole, role_of, signing_ca
from certificates.wording import shortened, shortened_values

__all__ = [
    "EXPIRES_SOON",
    "CertificateWithRole",
    "Diagnosis",
    "Fix",
    "Problem",
    "diagnose_ca_upload",
    "diagnose_upload",
    "signing_ca",
]


@dataclass(frozen=True)
class Diagnosis:
    """What was found. `chosen` is the certificate that will be stored, or None when there is an error.

    `certificates` are those of the file in its order, each with its role. `problems` has errors first.
    """

    problems: tuple[Problem, ...]
    chosen: Certificate | None
    certificates: tuple[CertificateWithRole, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "warning")

    @property
    def problem(self) -> Problem | None:
        """The one error to show, or None when the upload can be stored."""
        return next(iter(self.errors), None)

    @property
    def code(self) -> str:
        """The code of that error, or "accepted"."""
        return self.problem.code if self.problem is not None else "accepted"

    @property
    def title(self) -> str:
        """One sentence that says what was brought."""
        if self.problem is not None:
            return self.problem.sentence
        return "This CA certificate can be uploaded."

    @property
    def next_step(self) -> str:
        return self.problem.next_step if self.problem is not None else "Give it a name and upload it."

    @property
    def fix(self) -> Fix | None:
        """What one click does about the error, where there is something."""
        return self.problem.fix if self.problem is not None else None


def diagnose_upload(
    data: bytes, *, existing: Existing = (), known: Sequence[Certificate] = (), at: datetime
) -> Diagnosis:
    """Read an upload and diagnose it; what cannot be read is a problem like every other, never an exception.

    Arguments: `data`, the raw bytes; the others as in `diagnose_ca_upload`.
    """
    try:
        certificates = read_upload(data)
    except DecodingError as error:
        return Diagnosis((Problem(error.code, "error", error.sentence, error.next_step),), None)
    return diagnose_ca_upload(certificates, existing=existing, known=known, at=at)


def diagnose_ca_upload(
    certificates: Sequence[Certificate],
    *,
    existing: Existing = (),
    known: Sequence[Certificate] = (),
    at: datetime,
) -> Diagnosis:
    """Say whether one of the read certificates can be uploaded as CA certificate of a namespace.

    Arguments: `certificates` in the order of the file; `existing`, names and DER of the namespace's CA certificates;
    `known`, certificates that clients have shown (from tests and the connection log, with the chains they sent); `at`, an
    aware moment. Several certificates in one file are refused; the problem's fix is the one that signs the clients.
    """
    distinct = list({c.der: c for c in certificates}.values())
    if not distinct:
        problem = Problem("not-a-certificate", "error", "There is no certificate here.", "Choose a file.")
        return Diagnosis((problem,), None)
    if len(distinct) > 1:
        return _several(distinct, existing, known, at)
    certificate = distinct[0]
    errors = ca_rules.errors(certificate, existing, at)
    problems = (*errors, *ca_rules.warnings(certificate, existing, known, at))
    roles = (CertificateWithRole(certificate, role_of(certificate), not errors),)
    return Diagnosis(problems, None if errors else certificate, roles)


def _several(
    certificates: Sequence[Certificate], existing: Existing, known: Sequence[Certificate], at: datetime
) -> Diagnosis:
    fitting = [c for c in certificates if not ca_rules.errors(c, existing, at)]
    leaves = [c for c in certificates if not c.is_ca]
    best = signing_ca(fitting, known=(*leaves, *known))
    roles = tuple(CertificateWithRole(c, role_of(c), c is best) for c in certificates)
    problem = Problem(
        "several-certificates",
        "error",
        f"There are {len(certificates)} certificates in this file, and Azure takes one.",
        shortened(_several_next_step(certificates, best, existing, at)),
        shortened_values(tuple((entry.label, entry.certificate.subject) for entry in roles)),
        Fix(CHOOSE_CERTIFICATE, shortened(f"Use {best.subject}", 200), best) if best is not None else None,
    )
    return Diagnosis((problem,), None, roles)


def _several_next_step(
    certificates: Sequence[Certificate], best: Certificate | None, existing: Existing, at: datetime
) -> str:
    if best is not None:
        return f"Upload only the one that signs the clients: {best.subject}."
    signer = signing_ca(certificates)
    if signer is None:
        return "None of them is a CA certificate. Bring the CA certificate that signed them."
    first = ca_rules.errors(signer, existing, at)[0]
    return f"The one that signs the clients, {signer.subject}, cannot be used. {first.sentence} {first.next_step}"

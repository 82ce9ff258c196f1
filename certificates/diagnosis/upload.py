"""An upload → what it is, what is wrong with it, and what to do next. Pure: no Django, no I/O; the moment is an argument.

Sources: certificate cases that people bring (docs/policy.md), `ca_rules` for one certificate, `roles` for several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from certificates.diagnosis import ca_rules
from certificates.diagnosis.ca_rules import EXPIRES_SOON, Existing
from certificates.diagnosis.chain_roles import CertificateWithRole, Signatures, lowest_cas, role_of
from certificates.diagnosis.problems import CHOOSE_CERTIFICATE, Fix, Problem
from certificates.x509.certificate import Certificate, DecodingError
from certificates.x509.reading import read_upload
from certificates.x509.strength import can_check
from certificates.x509.text import shortened, shortened_values

__all__ = [
    "EXPIRES_SOON",
    "CertificateWithRole",
    "Diagnosis",
    "Fix",
    "Problem",
    "diagnose_ca_upload",
    "diagnose_upload",
]


MAX_CHOICES = 10


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
    data: bytes, *, existing: Existing = (), known: Sequence[Certificate] = (), full_at: int = 0, at: datetime
) -> Diagnosis:
    """Read an upload and diagnose it; what cannot be read is a problem like every other, never an exception.

    Arguments: `data`, the raw bytes; the others as in `diagnose_ca_upload`.
    """
    try:
        certificates = read_upload(data)
    except DecodingError as error:
        return Diagnosis((Problem(error.code, "error", error.sentence, error.next_step),), None)
    return diagnose_ca_upload(certificates, existing=existing, known=known, full_at=full_at, at=at)


def diagnose_ca_upload(
    certificates: Sequence[Certificate],
    *,
    existing: Existing = (),
    known: Sequence[Certificate] = (),
    full_at: int = 0,
    at: datetime,
) -> Diagnosis:
    """Say whether one of the read certificates can be uploaded as CA certificate of a namespace.

    Arguments: `certificates` in the order of the file; `existing`, names and DER of the namespace's CA certificates;
    `known`, certificates that clients have shown (from tests and the connection log, with the chains they sent);
    `full_at`, how many CA certificates the namespace holds when it can hold no more, else 0; `at`, an aware moment. Several certificates in one file are refused; the problem's fix is the one that signs the clients.
    """
    distinct = list({c.der: c for c in certificates}.values())
    if not distinct:
        problem = Problem("not-a-certificate", "error", "There is no certificate here.", "Choose a file.")
        return Diagnosis((problem,), None)
    full = (ca_rules.limit_reached(full_at),) if full_at else ()
    signatures = Signatures()
    if len(distinct) > 1:
        problem, roles = _Bundle(distinct, existing, known, at, signatures).diagnose()
        return Diagnosis((problem, *full), None, roles)
    certificate = distinct[0]
    errors = (*ca_rules.errors(certificate, existing, at, signatures), *full)
    problems = (*errors, *ca_rules.warnings(certificate, existing, known, at, signatures))
    roles = (CertificateWithRole(certificate, role_of(certificate), not errors),)
    return Diagnosis(problems, None if errors else certificate, roles)


@dataclass(frozen=True)
class _Bundle:
    """Several certificates in one file, of which Azure takes one."""

    certificates: Sequence[Certificate]
    existing: Existing
    known: Sequence[Certificate]
    at: datetime
    signatures: Signatures

    def diagnose(self) -> tuple[Problem, tuple[CertificateWithRole, ...]]:
        best, next_step, choices = self._best([c for c in self.certificates if not self._errors(c)])
        roles = tuple(CertificateWithRole(c, role_of(c), c is best) for c in self.certificates)
        problem = Problem(
            "several-certificates",
            "error",
            f"There are {len(self.certificates)} certificates in this file, and Azure takes one.",
            shortened(next_step),
            shortened_values(tuple((entry.label, entry.certificate.subject) for entry in roles)),
            _choose(best) if best is not None else self._client(),
            tuple(map(_choose, choices[:MAX_CHOICES])),
        )
        return problem, roles

    def _errors(self, certificate: Certificate) -> list[Problem]:
        return ca_rules.errors(certificate, self.existing, self.at, self.signatures)

    def _best(self, fitting: Sequence[Certificate]) -> tuple[Certificate | None, str, Sequence[Certificate]]:
        """The one to take, where that is known or likely; what to do; else those to choose from."""
        leaves = self._leaves
        cas = [c for c in self.certificates if c.is_ca]
        signer = self.signatures.signer_of(leaves, fitting)
        if signer is None and (here := self._signer_here()):
            return None, f"The one that signs them is already here as {here}. There is nothing to upload.", ()
        unfit = self.signatures.signer_of(leaves, cas) if signer is None else None
        if unfit is not None:
            return None, f"The one that signs the clients, {unfit.subject}, cannot be used. {self._why_not(unfit)}", ()
        signer = signer or self.signatures.signer_of([c for c in self.known if not c.is_ca], fitting)
        if signer is not None:
            return signer, f"Upload only the one that signs the clients: {signer.subject}.", ()
        if not cas:
            return None, "None of them is a CA certificate. Bring the CA certificate that signed them.", ()
        return self._likely(fitting, cas)

    def _likely(
        self, fitting: Sequence[Certificate], cas: Sequence[Certificate]
    ) -> tuple[Certificate | None, str, Sequence[Certificate]]:
        """The same where no signature tells it: by the names in the CA certificates alone."""
        leaves = self._leaves
        # A key that nobody verifies with may have signed them all the same.
        if leaves and all(can_check(ca) for ca in cas if ca.subject_key == leaves[0].issuer_key):
            issuer = leaves[0].issuer or "(empty name)"
            sentence = f"None of them signed {leaves[0].subject}: bring the CA certificate with the subject {issuer}."
            return None, sentence, ()
        lowest = lowest_cas(cas)
        if not fitting and len(lowest) > 1:
            return None, f"None of them can be used. {lowest[0].subject}: {self._why_not(lowest[0])}", ()
        if len(lowest) > 1:
            return None, "Choose the one that signs the clients.", fitting
        if here := self._name_here(lowest[0]):
            sentence = (
                f"The one that most likely signs the clients is already here as {here}. There is nothing to upload."
            )
            return None, sentence, ()
        if lowest[0] not in fitting:
            likely = f"The one that most likely signs the clients, {lowest[0].subject}, cannot be used."
            return None, f"{likely} {self._why_not(lowest[0])}", ()
        return lowest[0], f"Most likely {lowest[0].subject} signs the clients: it is below the others.", ()

    @property
    def _leaves(self) -> list[Certificate]:
        return [c for c in self.certificates if not c.is_ca and not c.is_self_issued]

    @cached_property
    def _here(self) -> list[tuple[str, Certificate]]:
        """The namespace's CA certificates that can vouch for clients now."""
        return [
            (name, ca)
            for name, ca in ca_rules.readable(self.existing)
            if ca.is_ca and ca.not_before <= self.at <= ca.not_after
        ]

    def _signer_here(self) -> str:
        """The namespace's own name of the CA certificate that signed a leaf of the file, or ""."""
        signers = (name for leaf in self._leaves for name, ca in self._here if self.signatures.issued(ca, leaf))
        return next(signers, "")

    def _name_here(self, certificate: Certificate) -> str:
        return next((name for name, ca in self._here if ca.der == certificate.der), "")

    def _client(self) -> Fix | None:
        """To register the one leaf of the file, where its CA certificate is here already."""
        leaf = self._leaves[0] if len(self._leaves) == 1 else None
        return ca_rules.client_fix(leaf) if leaf and self._signer_here() and self.at <= leaf.not_after else None

    def _why_not(self, certificate: Certificate) -> str:
        first = self._errors(certificate)[0]
        return f"{first.sentence} {first.next_step}"


def _choose(certificate: Certificate) -> Fix:
    return Fix(CHOOSE_CERTIFICATE, shortened(f"Use {certificate.subject}", 200), certificate)

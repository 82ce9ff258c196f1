"""Diagnose an upload: what it is, what is wrong with it, and what to do next. Pure.

`upload_checks` checks one certificate, `chain_roles` compares several. Source: docs/policy.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from certificates.authentication.certification_paths import authority_difference
from certificates.diagnosis import upload_checks
from certificates.diagnosis.chain_roles import (
    UNMARKED_CA,
    CertificateWithRole,
    Signatures,
    looks_like_an_unmarked_ca,
    lowest_cas,
    may_be_an_unmarked_ca,
    role_of,
)
from certificates.diagnosis.problems import CHOOSE_CERTIFICATE, Fix, Problem
from certificates.diagnosis.upload_checks import EXPIRES_SOON, Existing
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
    """The result. `chosen` is the certificate to store, or None when there is an error.

    `certificates` are those in the file, in its order, each with its role. `problems` has errors first.
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
        """One sentence about the upload."""
        if self.problem is not None:
            return self.problem.sentence
        return "This CA certificate can be uploaded."

    @property
    def next_step(self) -> str:
        return self.problem.next_step if self.problem is not None else "Enter a name and upload it."

    @property
    def fix(self) -> Fix | None:
        """The one-click fix of the error, or None."""
        return self.problem.fix if self.problem is not None else None


def diagnose_upload(
    data: bytes, *, existing: Existing = (), known: Sequence[Certificate] = (), full_at: int = 0, at: datetime
) -> Diagnosis:
    """Read and diagnose an upload. Never raises: input that cannot be read is a problem in the `Diagnosis`.

    Arguments: `data`, the raw bytes; the others as for `diagnose_ca_upload`.
    """
    try:
        certificates = read_upload(data)
    except DecodingError as error:
        problem = Problem(error.code, "error", error.sentence, error.next_step, detail=error.detail)
        return Diagnosis((problem,), None)
    return diagnose_ca_upload(certificates, existing=existing, known=known, full_at=full_at, at=at)


def diagnose_ca_upload(
    certificates: Sequence[Certificate],
    *,
    existing: Existing = (),
    known: Sequence[Certificate] = (),
    full_at: int = 0,
    at: datetime,
) -> Diagnosis:
    """Diagnose whether one of the certificates can be uploaded as a CA certificate of a namespace.

    Arguments: `certificates`, in the order of the file; `existing`, names and DER of the namespace's CA certificates;
    `known`, certificates seen from clients in tests and the connection log, with the chains they sent, to find which CA
    certificate signs them; `full_at`, the maximum number of CA certificates when it is reached, else 0; `at`, an aware
    datetime. Several certificates in one file are an error whose fix chooses the one that signs the clients.
    """
    distinct = list({c.der: c for c in certificates}.values())
    if not distinct:
        problem = Problem("not-a-certificate", "error", "There is no certificate here.", "Choose a file.")
        return Diagnosis((problem,), None)
    full = (upload_checks.limit_reached(full_at),) if full_at else ()
    signatures = Signatures()
    if len(distinct) > 1:
        problem, roles = _Bundle(distinct, existing, known, at, signatures).diagnose()
        return Diagnosis((problem, *full), None, roles)
    certificate = distinct[0]
    errors = (*upload_checks.errors(certificate, existing, at, signatures, known), *full)
    problems = (*errors, *upload_checks.warnings(certificate, existing, known, at, signatures))
    unmarked = any(problem.code == "not-marked-as-ca" for problem in errors)
    roles = (CertificateWithRole(certificate, UNMARKED_CA if unmarked else role_of(certificate), not errors),)
    return Diagnosis(problems, None if errors else certificate, roles)


@dataclass(frozen=True)
class _Advice:
    """What to do about several certificates: upload `best` if it is known or likely, else one of `choices`."""

    detail: str
    next_step: str
    best: Certificate | None = None
    choices: Sequence[Certificate] = ()


@dataclass(frozen=True)
class _Bundle:
    """Several certificates in one file, of which Event Grid accepts one."""

    certificates: Sequence[Certificate]
    existing: Existing
    known: Sequence[Certificate]
    at: datetime
    signatures: Signatures

    def diagnose(self) -> tuple[Problem, tuple[CertificateWithRole, ...]]:
        advice = self._advice([c for c in self.certificates if not self._errors(c)])
        roles = tuple(CertificateWithRole(c, self._role(c), c is advice.best) for c in self.certificates)
        problem = Problem(
            "several-certificates",
            "error",
            f"The file contains {len(self.certificates)} certificates; Event Grid accepts one.",
            shortened(advice.next_step),
            shortened_values(tuple((entry.label, entry.certificate.subject) for entry in roles)),
            _choose(advice.best) if advice.best is not None else self._client(),
            tuple(map(_choose, advice.choices[:MAX_CHOICES])),
            advice.detail,
        )
        return problem, roles

    def _errors(self, certificate: Certificate) -> list[Problem]:
        return upload_checks.errors(certificate, self.existing, self.at, self.signatures, self._at_hand)

    def _role(self, certificate: Certificate) -> str:
        return UNMARKED_CA if any(certificate is c for c, _ in self._unmarked) else role_of(certificate)

    @cached_property
    def _at_hand(self) -> list[Certificate]:
        return [*self.certificates, *self.known]

    @cached_property
    def _unmarked(self) -> list[tuple[Certificate, Certificate | None]]:
        """The certificates of the file that sign others but are no CA certificates, each with one that it signed."""
        found: list[tuple[Certificate, Certificate | None]] = []
        for certificate in self.certificates:
            signed = self.signatures.unmarked_signer([certificate], self._at_hand)
            if signed is not None or looks_like_an_unmarked_ca(certificate):
                found.append((certificate, signed[1] if signed is not None else None))
        return found

    def _advice(self, fitting: Sequence[Certificate]) -> _Advice:
        if self._unmarked:
            sentence, fix = upload_checks.unmarked_ca(*self._unmarked[0])
            return _Advice("signer-not-marked", f"{sentence} {fix}")
        leaves = self._leaves
        if other := self._other_authority(leaves):
            return _Advice("signer-differs", other)
        cas = [c for c in self.certificates if c.is_ca]
        signer = self.signatures.signer_of(leaves, fitting)
        if signer is None and (name := self._uploaded_signer()):
            sentence = f"The one that signs the clients is already uploaded as {name}. There is nothing to upload."
            return _Advice("signer-uploaded", sentence)
        unfit = self.signatures.signer_of(leaves, cas) if signer is None else None
        if unfit is not None:
            sentence = f"The one that signs the clients, {unfit.subject}, cannot be used. {self._why_not(unfit)}"
            return _Advice("signer-unusable", sentence)
        signer = signer or self.signatures.signer_of([c for c in self.known if not c.is_ca], fitting)
        bare = next((leaf for leaf in leaves if signer is not None and may_be_an_unmarked_ca(leaf)), None)
        if signer is not None and bare is not None and signer.is_self_issued:
            sentence = (
                f"{bare.subject} has no extensions. If it is a client certificate, use {signer.subject}. If it signs clients, it "
                "is not marked as a CA (basicConstraints CA:TRUE is missing): sign it again with -extfile."
            )
            return _Advice("leaf-or-unmarked-ca", sentence, choices=[signer])
        if signer is not None:
            return _Advice("signer", f"Upload only the one that signs the clients: {signer.subject}.", signer)
        if not cas:
            return _Advice("no-ca", "None of them is a CA certificate. Upload the CA certificate that signed them.")
        return self._advice_by_names(fitting, cas)

    def _advice_by_names(self, fitting: Sequence[Certificate], cas: Sequence[Certificate]) -> _Advice:
        """Advise by the names in the CA certificates alone, where no signature decides."""
        leaves = self._leaves
        # A CA whose key cannot be checked may have signed them nevertheless.
        if leaves and all(can_check(ca) for ca in cas if ca.subject_key == leaves[0].issuer_key):
            issuer = leaves[0].issuer or "(empty name)"
            sentence = f"None of them signed {leaves[0].subject}. Upload the CA certificate with subject {issuer}."
            return _Advice("signer-missing", sentence)
        lowest = lowest_cas(cas)
        if not fitting and len(lowest) > 1:
            sentence = f"None of them can be used. {lowest[0].subject}: {self._why_not(lowest[0])}"
            return _Advice("none-usable", sentence)
        if len(lowest) > 1:
            return _Advice("choose", "Choose the one that signs the clients.", choices=fitting)
        likely = f"The one that most likely signs the clients, {lowest[0].subject},"
        if name := self._uploaded_name(lowest[0]):
            return _Advice(
                "likely-signer-uploaded", f"{likely} is already uploaded as {name}. There is nothing to upload."
            )
        if lowest[0] not in fitting:
            return _Advice("likely-signer-unusable", f"{likely} cannot be used. {self._why_not(lowest[0])}")
        sentence = f"{lowest[0].subject} most likely signs the clients: it is below the others."
        return _Advice("likely-signer", sentence, lowest[0])

    def _other_authority(self, leaves: Sequence[Certificate]) -> str:
        """Explain that the leaves name another certificate than the CA of the file with their issuer's name and key."""
        for ca in self.certificates:
            for leaf in leaves:
                difference = authority_difference(leaf, ca)
                if not ca.is_ca or difference is None or not self.signatures.made_signature(ca, leaf):
                    continue
                if self.signatures.signer_of([leaf], [c for c in self.certificates if c.is_ca]) is not None:
                    continue
                return (
                    f"{leaf.subject} was signed with the key of {ca.subject}, but names a CA certificate with the "
                    f"{difference.part} {difference.stated}, and this one has {difference.found}. {self._about_named(leaf)}"
                )
        return ""

    def _about_named(self, leaf: Certificate) -> str:
        """Say where the CA certificate is that the leaf names, and what to do."""
        again = "issue the client certificate again by key identifier only (authorityKeyIdentifier=keyid)."
        here = upload_checks.readable(self.existing)
        name, named = next(((name, ca) for name, ca in here if self.signatures.issued(ca, leaf)), ("", None))
        if named is None:
            return f"Upload the one that it names, or {again}"
        if self.at > named.not_after:
            expired = f"but expired on {named.not_after:%d %b %Y}"
            return f"The one that it names is uploaded as {name}, {expired}: {again}"
        return f"The one that it names is already uploaded as {name}. There is nothing to upload. Before it expires, {again}"

    @property
    def _leaves(self) -> list[Certificate]:
        unmarked = [c for c, _ in self._unmarked]
        return [c for c in self.certificates if not c.is_ca and not c.is_self_issued and c not in unmarked]

    @cached_property
    def _uploaded(self) -> list[tuple[str, Certificate]]:
        """The namespace's CA certificates that are valid now."""
        return [
            (name, ca)
            for name, ca in upload_checks.readable(self.existing)
            if ca.is_ca and ca.not_before <= self.at <= ca.not_after
        ]

    def _uploaded_signer(self) -> str:
        """Return the name of the uploaded CA certificate that signed a leaf of the file, or ""."""
        signers = (name for leaf in self._leaves for name, ca in self._uploaded if self.signatures.issued(ca, leaf))
        return next(signers, "")

    def _uploaded_name(self, certificate: Certificate) -> str:
        return next((name for name, ca in self._uploaded if ca.der == certificate.der), "")

    def _client(self) -> Fix | None:
        """Return the fix that registers the only leaf of the file, if its CA certificate is already uploaded."""
        leaf = self._leaves[0] if len(self._leaves) == 1 else None
        return (
            upload_checks.client_fix(leaf) if leaf and self._uploaded_signer() and self.at <= leaf.not_after else None
        )

    def _why_not(self, certificate: Certificate) -> str:
        first = self._errors(certificate)[0]
        return f"{first.sentence} {first.next_step}"


def _choose(certificate: Certificate) -> Fix:
    return Fix(CHOOSE_CERTIFICATE, shortened(f"Use {certificate.subject}", 200), certificate)

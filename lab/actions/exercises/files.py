"""The certificates of an exercise: public facts of them are kept, keys never."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from certificates.samples.chain import ClientName, SampleCertificate, SampleChain, make_sample_chain
from certificates.x509.certificate import load_certificate
from lab.catalogue.exercise import Exercise

SUBJECT = "SubjectMatchesAuthenticationName"
ROOT, INTERMEDIATE = "root_ca", "intermediate_ca"


def names_of(exercise: Exercise) -> Sequence[ClientName]:
    """Return the client certificates that the exercise starts with."""
    return [
        ClientName(str(each["name"]), str(each.get("scheme", SUBJECT)), str(each.get("fault", "")))
        for each in exercise.names
    ]


def make_chain(exercise: Exercise, *, at: datetime, ahead: timedelta = timedelta()) -> SampleChain | None:
    """Make the chain of the exercise with its keys, which are in the returned value only; None where it has none.

    `ahead` is how far ahead of `at` the namespace judges certificates.
    """
    names = names_of(exercise)
    lifetime = timedelta(days=int(exercise.start.get("lifetime_days", 100)))
    return make_sample_chain(names, at=at, lifetime=lifetime, label="Lab", ahead=ahead) if names else None


OLD = "old_"  # before the names of a chain's CA certificates: those of its predecessor


def old_facts(exercise: Exercise, *, at: datetime, ahead: timedelta = timedelta()) -> dict[str, dict[str, str]]:
    """Return the CA certificates of the predecessor of the chain, which expire soon, where the exercise has one."""
    if not exercise.start.get("old_chain"):
        return {}
    chain = make_sample_chain(names_of(exercise), at=at, lifetime=timedelta(days=3), label="Lab old", ahead=ahead)
    return {f"{OLD}{each.file_name}": _facts(each) for each in (chain.root, chain.intermediate)}


def facts_of(chain: SampleChain) -> dict[str, dict[str, str]]:
    """Return the public facts of each certificate, by the name of its file without extension."""
    return {each.file_name: _facts(each) for each in (chain.root, chain.intermediate, *chain.clients)}


def _facts(sample: SampleCertificate) -> dict[str, str]:
    certificate = load_certificate(sample.certificate_der)
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "thumbprint": certificate.thumbprint_sha256,
        "pem": sample.certificate_pem,
    }


def with_seen(
    files: Mapping[str, Any], certificates: Iterable[Mapping[str, str]], *, client: str
) -> dict[str, dict[str, str]]:
    """Return the files with certificates that the portal has read: each in the place that its kind has in a chain."""
    found: dict[str, dict[str, str]] = dict(files)
    for each in certificates:
        facts = {name: each[name] for name in ("subject", "issuer", "thumbprint", "pem")}
        if each.get("kind") != "ca":
            found[client] = facts
        else:
            found[ROOT if each["subject"] == each["issuer"] else INTERMEDIATE] = facts
    return found

"""What the apps above register here, so that namespaces need not import them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class UploadedCA:
    """A CA certificate of a namespace. `not_after` is None where what Azure holds cannot be read."""

    name: str
    subject: str
    thumbprint: str
    not_after: datetime | None
    url: str


# Namespace's primary key → its CA certificates, by name.
CASource = Callable[[int], Sequence[UploadedCA]]

_ca_sources: list[CASource] = []


def register_ca_certificates(source: CASource) -> None:
    """Register the function that reads the CA certificates of a namespace."""
    _ca_sources[:] = [source]


def uploaded_cas(namespace_pk: int) -> list[UploadedCA]:
    """Return the CA certificates uploaded to a namespace."""
    return [ca for source in _ca_sources for ca in source(namespace_pk)]


def uploaded_ca_subjects(namespace_pk: int) -> dict[str, str]:
    """Return the subjects of the CA certificates uploaded to a namespace by thumbprint."""
    return {ca.thumbprint: ca.subject for ca in uploaded_cas(namespace_pk)}

"""What the apps above register here, so that namespaces need not import them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from namespaces.models import Namespace


@dataclass(frozen=True)
class UploadedCA:
    """A CA certificate of a namespace. `not_after` is None where what Azure holds cannot be read."""

    name: str
    subject: str
    thumbprint: str
    not_after: datetime | None
    url: str
    is_hidden: bool = False  # another team's: it vouches for clients, and no page names it


# A namespace, as a person sees it → its CA certificates, by name.
CASource = Callable[[Namespace], Sequence[UploadedCA]]

_ca_sources: list[CASource] = []


def register_ca_certificates(source: CASource) -> None:
    """Register the function that reads the CA certificates of a namespace."""
    _ca_sources[:] = [source]


def uploaded_cas(namespace: Namespace) -> list[UploadedCA]:
    """Return the CA certificates uploaded to a namespace, hidden ones marked."""
    return [ca for source in _ca_sources for ca in source(namespace)]


def uploaded_ca_subjects(namespace: Namespace) -> dict[str, str]:
    """Return the subjects of the CA certificates uploaded to a namespace by thumbprint, to compare with: all of them."""
    return {ca.thumbprint: ca.subject for ca in uploaded_cas(namespace)}

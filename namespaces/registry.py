"""What the apps above register here, so that namespaces need not import them."""

from collections.abc import Callable, Mapping

# Namespace's primary key → the uploaded CA certificates: thumbprint → subject.
CASource = Callable[[int], Mapping[str, str]]

_ca_sources: list[CASource] = []


def register_ca_certificates(source: CASource) -> None:
    """Register the function that reads the CA certificates of a namespace."""
    _ca_sources[:] = [source]


def uploaded_ca_subjects(namespace_pk: int) -> dict[str, str]:
    """Return the subjects of the CA certificates uploaded to a namespace by thumbprint."""
    return {thumbprint: subject for source in _ca_sources for thumbprint, subject in source(namespace_pk).items()}

"""The certificates that a client presents, from a file or from the log of a past attempt."""

from dataclasses import dataclass
from functools import cached_property

from certificates.x509.certificate import Certificate, DecodingError, load_certificate
from certificates.x509.reading import read_client_upload, to_pem
from namespaces.connections.client_certificates import presented_ders
from namespaces.models import ConnectionAttempt


@dataclass(frozen=True)
class PresentedChain:
    """DER certificates, the client's own first. A past attempt may have none, or unreadable ones."""

    ders: tuple[bytes, ...]

    @classmethod
    def read(cls, data: bytes) -> "PresentedChain":
        """Read them from a file, in any order. Raise DecodingError."""
        return cls(tuple(certificate.der for certificate in read_client_upload(data)))

    @classmethod
    def of_attempt(cls, attempt: ConnectionAttempt) -> "PresentedChain | None":
        """Return what a past attempt presented, or None when its log does not contain that."""
        record = attempt.record or {}
        if not record.get("presentedChain") and not record.get("decision"):
            return None
        return cls(presented_ders(record.get("presentedChain") or []))

    @cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        """The readable certificates."""
        return tuple(found for der in self.ders if (found := _readable(der)) is not None)

    @cached_property
    def leaf(self) -> Certificate | None:
        """The client's own certificate, if it can be read."""
        return _readable(self.ders[0]) if self.ders else None

    @property
    def pem(self) -> str:
        return "".join(to_pem(der) for der in self.ders if der)


def _readable(der: bytes) -> Certificate | None:
    try:
        return load_certificate(der)
    except DecodingError:
        return None

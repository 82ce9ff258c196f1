"""What a client presents: its certificate and what it sends with it, from a file or from the log of a past attempt."""

from dataclasses import dataclass
from functools import cached_property

from certificates.x509.certificate import Certificate, DecodingError, load_certificate
from certificates.x509.reading import read_client_upload, to_pem
from namespaces.connections.client_certificates import presented_ders
from namespaces.models import ConnectionAttempt


@dataclass(frozen=True)
class Presented:
    """As DER, the client's own certificate first. A past attempt may have presented none, or one that nobody can read."""

    ders: tuple[bytes, ...]

    @classmethod
    def read(cls, data: bytes) -> "Presented":
        """From a file, in whatever order it holds them. Raises DecodingError."""
        return cls(tuple(certificate.der for certificate in read_client_upload(data)))

    @classmethod
    def of_attempt(cls, attempt: ConnectionAttempt) -> "Presented | None":
        """What a past attempt presented; None where its log does not tell."""
        record = attempt.record or {}
        if not record.get("presentedChain") and not record.get("decision"):
            return None
        return cls(presented_ders(record.get("presentedChain") or []))

    @cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        """Those that can be read."""
        return tuple(found for der in self.ders if (found := _readable(der)) is not None)

    @cached_property
    def leaf(self) -> Certificate | None:
        """The client's own certificate, where there is one that can be read."""
        return _readable(self.ders[0]) if self.ders else None

    @property
    def pem(self) -> str:
        return "".join(to_pem(der) for der in self.ders if der)


def _readable(der: bytes) -> Certificate | None:
    try:
        return load_certificate(der)
    except DecodingError:
        return None

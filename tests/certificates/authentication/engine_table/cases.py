"""Certificates × users: what is presented to which namespace, the verdict, and the step that fails.

The expectations are written by hand beside each fault, without the engine. The same table runs against the engine and,
over real TLS, against the endpoint, so everything is issued for a given time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from certificates.authentication.engine import ClientRecord, NamespaceState, TrustedCA, authentication_name_key
from tests.support.certificates.chains import Identity, authority

SUBJECT = "SubjectMatchesAuthenticationName"
DNS = "DnsMatchesAuthenticationName"
URI = "UriMatchesAuthenticationName"
IP = "IpMatchesAuthenticationName"
EMAIL = "EmailMatchesAuthenticationName"
THUMBPRINT = "ThumbprintMatch"

READABLE = "certificate-readable"
VALIDITY = "within-validity"
NAME = "authentication-name"
FOUND = "client-found"
ENABLED = "client-enabled"
ISSUER = "issuer-found"
CHAIN = "chain-verified"
PURPOSE = "client-authentication-allowed"
COMPARED = "scheme-compared"

# The layers that can end a connection.
TLS_OF_CLIENT = "TLS of the client"  # the endpoint sees no CONNECT
TLS_OF_ENDPOINT = "TLS of the endpoint"  # its connection log says TlsError
PRESENTS_NONE = "TLS of the client, which has no certificate to present"  # no signature of TLS 1.3 fits its key
CONNACK = "CONNACK"

DAY = timedelta(days=1)


def a_client(
    authentication_name: str = "sensor-1",
    scheme: str = SUBJECT,
    *,
    name: str = "",
    thumbprints: tuple[str, ...] = (),
    enabled: bool = True,
) -> ClientRecord:
    return ClientRecord(name or "press-line-client", authentication_name, scheme, thumbprints, enabled)


@dataclass(frozen=True)
class Case:
    """One row. `fails_at` is "" for an accepted client; the failed step must contain each of `shows`: data, not prose."""

    id: str
    presented: Identity | None
    uploaded: Mapping[str, Identity]
    fails_at: str = ""
    shows: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()  # data that the fix must contain
    anchor: str = ""  # name of the uploaded certificate that the chain leads to
    source: str = "UserName"
    user_name: str | None = "sensor-1"
    clients: tuple[ClientRecord, ...] = (a_client(),)
    client: str = "press-line-client"  # name of the client that is accepted
    chain: tuple[Identity, ...] = ()
    sources: tuple[str, ...] = ()
    raw: bytes | None = None  # presented instead of the certificate: what no TLS client would send
    presentable: bool = True  # False: a TLS client cannot prove to have its key, so TLS ends it
    weak: bool = False  # a TLS client must lower its security level to present it
    layer: str = ""  # where a TLS client of the usual level ends with it, for rows that are weak or not presentable
    at: datetime | None = field(default=None)

    @property
    def accepted(self) -> bool:
        return not self.fails_at

    @property
    def der(self) -> bytes | None:
        return self.raw if self.raw is not None else self.presented.der if self.presented is not None else None

    def state(self) -> NamespaceState:
        return NamespaceState(
            tuple(TrustedCA(name, identity.der) for name, identity in self.uploaded.items()),
            {authentication_name_key(c.authentication_name): c for c in self.clients},
            self.sources,
        )


class Plant:
    """A root, the intermediate that signs the clients, and the usual row: that intermediate uploaded as line-1."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.root = authority("Plant Root CA", at=at)
        self.line = self.root.issue("Line 1 CA", ca=True, path_length=0)
        self.sensor = self.line.issue("sensor-1")

    def row(self, case_id: str, presented: Identity | None = None, **fields: Any) -> Case:
        return Case(case_id, presented or self.sensor, **{"uploaded": {"line-1": self.line}, **fields})

    def good(self, case_id: str, presented: Identity | None = None, **fields: Any) -> Case:
        return self.row(case_id, presented, **{"anchor": "line-1", **fields})

    def leaf(self, **options: Any) -> Identity:
        return self.line.issue("sensor-1", **options)

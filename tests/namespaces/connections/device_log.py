"""The connection log of a namespace, as its endpoint writes it: devices connect, the portal imports."""

from datetime import UTC, datetime, timedelta
from typing import Any

from certificates.authentication.engine import NamespaceState, authenticate
from certificates.authentication.types import ClientRecord, TrustedCA, authentication_name_key
from certificates.x509.reading import to_pem
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import Namespace
from tests.support.certificates.chains import Identity

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Log:
    """`cas` are the CA certificates that the endpoint trusts, unless a connection names others."""

    def __init__(self, namespace: Namespace, *cas: Identity, began: datetime = NOON) -> None:
        self.namespace, self.cas, self.began, self.cursor = namespace, cas, began, 0

    def record(self, issuer: Identity, name: str = "press-1", **options: Any) -> dict[str, Any]:
        self.cursor += 1
        leaf = issuer.issue(name, at=self.began, **options.get("leaf", {}))
        scheme = options.get("scheme", "SubjectMatchesAuthenticationName")
        client = ClientRecord(name, name, scheme, (leaf.thumbprint,) if scheme == "ThumbprintMatch" else ())
        cas = tuple(TrustedCA(f"ca-{n}", each.der) for n, each in enumerate(options.get("cas", self.cas)))
        decision = authenticate(
            presented=leaf.der,
            chain=options.get("chain", ()),
            user_name=name,
            state=NamespaceState(cas, {authentication_name_key(name): client}),
            at=self.began,
        )
        assert decision.accepted, decision.reason
        return {
            "cursor": self.cursor,
            "time": (self.began + timedelta(seconds=self.cursor)).isoformat(),
            "resultType": "Succeeded",
            "userName": name,
            "clientName": name,
            "caName": decision.anchor,
            "callerIpAddress": "192.0.2.7:50000",
            "presentedChain": [to_pem(leaf.der)],
            "decision": decision.as_dict(),
        }

    def connect(self, *issuers: Identity, name: str = "press-1", **options: Any) -> None:
        self.imported([self.record(each, name, **options) for each in issuers])

    def imported(self, records: list[dict[str, Any]]) -> None:
        ConnectionIntake().take(self.namespace.pk, records, self.cursor)

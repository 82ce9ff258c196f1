"""One service for all tests of this folder, with a namespace that asks it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from namespaces.models import Client, DecisionPoint, Namespace
from tests.certificates.decision_service.deciding import AUDIENCE, PRINCIPAL, TENANT, DecidingPortal
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import make_ca_certificate, make_client, make_configuration, make_namespace


@dataclass(frozen=True)
class Asking:
    """A namespace that asks, with its CA and one of its devices."""

    portal: DecidingPortal
    namespace: Namespace
    key: str
    device: Identity
    line: Identity

    @property
    def name(self) -> str:
        return self.device.name

    def body(self, **changes: Any) -> dict[str, Any]:
        chain = {"clientCertificate": self.device.pem.decode(), "clientCertificateChain": self.line.pem.decode()}
        return {"clientId": "c1", "userName": self.name, **chain, **changes}

    def ask(self, *, token: str | None = None, **changes: Any) -> tuple[int, dict[str, Any]]:
        return self.portal.ask(self.key, self.body(**changes), token=token)

    def client(self) -> Client:
        return Client.objects.get(namespace=self.namespace, name=self.name)


def make_asking(portal: DecidingPortal, name: str, **point: Any) -> Asking:
    """Make a namespace that asks the portal, inside `portal.database`."""
    at = timezone.now()
    line = authority(f"CA of {name}", at=at)
    namespace = make_namespace(name)
    make_configuration(
        namespace,
        webhook_url="https://decide.example.com",
        webhook_audience=AUDIENCE,
        webhook_tenant=TENANT,
        webhook_identity="SystemAssigned",
    )
    make_ca_certificate(namespace, der=line.der)
    make_client(namespace, f"{name}-1", attributes={"line": 7, "on": True, "tags": ["a"]}, base={"name": f"{name}-1"})
    row = DecisionPoint.objects.create(namespace=namespace, principals=[PRINCIPAL], **point)
    return Asking(portal, namespace, row.key, line.issue(f"{name}-1"), line)


@pytest.fixture(scope="session")
def deciding(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[DecidingPortal]:
    portal = DecidingPortal(tmp_path_factory.mktemp("deciding"))
    yield portal
    portal.stop()

"""A database with one namespace that asks, its clients and some of their devices, and the requests about them."""

import json
from pathlib import Path
from typing import Any

DEVICES = 8000  # with a certificate of their own; twice what a process remembers
RECONNECTING = 400  # of them; more than any cache of certificates holds
AT_ONCE = 2000
NAMESPACE = "bench"
NUMBER = b"NUMBER-OF-THIS-REQUEST"  # which is another one each time, as Azure's are


def make_namespace_that_asks(clients: int, *, tenant: str, audience: str, principal: str) -> tuple[str, list[Any]]:
    """Return the key of the namespace's endpoint, and the bodies of requests about its devices."""
    from django.utils import timezone

    from namespaces.models import Client, DecisionPoint
    from tests.support.certificates.chains import authority
    from tests.support.database.factories import make_ca_certificate, make_configuration, make_namespace

    root = authority("Bench Root CA", at=timezone.now())
    line = root.issue("Bench Line CA", ca=True, path_length=0)
    namespace = make_namespace(NAMESPACE)
    make_configuration(
        namespace, webhook_url="https://bench.example.com", webhook_audience=audience, webhook_tenant=tenant
    )
    make_ca_certificate(namespace, der=root.der)
    for first in range(0, clients, AT_ONCE):
        made = []
        for number in range(first, min(first + AT_ONCE, clients)):
            row = Client(namespace=namespace, name=f"sensor-{number:07d}", synced_generation=1)
            row.set_authentication_name(row.name)
            row.validation_scheme = "SubjectMatchesAuthenticationName"
            row.attributes = {"line": number % 50}
            made.append(row)
        Client.objects.bulk_create(made)
    point = DecisionPoint.objects.create(namespace=namespace, principals=[principal], switched_at=timezone.now())
    chosen = range(0, clients, max(1, clients // DEVICES))[:DEVICES]
    devices = [line.issue(f"sensor-{number:07d}", purposes=["clientAuth"]) for number in chosen]
    bodies = [
        {
            "clientId": device.name,
            "userName": device.name,
            "clientCertificate": device.pem.decode(),
            "clientCertificateChain": line.pem.decode(),
        }
        for device in devices
    ]
    return point.key, bodies


def write_requests(path: Path, key: str, bodies: list[Any], token: str) -> None:
    """Write the requests, head and body, for the load."""
    texts = []
    for body in bodies:
        content = json.dumps(body)
        texts.append(
            f"POST /decide/{key} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"x-ms-client-request-id: {NUMBER.decode()}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content.encode())}\r\n\r\n{content}"
        )
    path.write_text(json.dumps(texts), encoding="utf-8")

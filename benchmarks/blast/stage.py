"""A namespace of many teams below ten CA certificates, half of them with name constraints. Always the same one."""

import random
from typing import Any

AT_ONCE = 2000
TEAMS, CAS = 50, 10
WITH, WITHOUT = "with name constraints", "without name constraints"
# Of each ten clients: the validation scheme and the authentication name.
KINDS = (
    *[("SubjectMatchesAuthenticationName", "sensor-{n:07d}")] * 4,
    *[("DnsMatchesAuthenticationName", "sensor-{n:07d}.line-{team}.plant.example")] * 2,
    ("EmailMatchesAuthenticationName", "sensor-{n:07d}@line-{team}.plant.example"),
    ("UriMatchesAuthenticationName", "https://line-{team}.plant.example/sensor/{n:07d}"),
    ("IpMatchesAuthenticationName", "10.{high}.{middle}.{low}"),
    ("ThumbprintMatch", "fixed-{n:07d}"),
)


def make_plant(clients: int) -> tuple[Any, list[Any], dict[str, str]]:
    """Return a namespace with so many clients, its CA certificates, and as PEM two that are not uploaded."""
    from django.utils import timezone

    from portal.models import Team
    from tests.support.certificates.chains import authority
    from tests.support.database.factories import make_ca_certificate, make_namespace

    namespace = make_namespace(f"plant-{clients}")
    teams = [Team.objects.get_or_create(name=f"Line {number}")[0] for number in range(TEAMS)]
    options = {"at": timezone.now()}
    rows = []
    for number in range(CAS):
        limits, kind = (_limits(), WITH) if number % 2 else (None, WITHOUT)
        der = authority(f"Line {number} CA", name_constraints=limits, **options).der
        rows.append(make_ca_certificate(namespace, f"line-{number}", der=der, team=teams[number], description=kind))
    _make_clients(namespace, clients, teams, rows)
    fresh = {WITHOUT: authority("New CA", **options).pem.decode()}
    fresh[WITH] = authority("New CA", name_constraints=_limits(), **options).pem.decode()
    return namespace, rows, fresh


def _limits() -> Any:
    """Return constraints that limit every kind of name: each of them is then compared."""
    from ipaddress import ip_network

    from cryptography import x509

    return x509.NameConstraints(
        [x509.DNSName("plant.example"), x509.RFC822Name(".plant.example"), x509.IPAddress(ip_network("10.0.0.0/9"))],
        [x509.UniformResourceIdentifier(f"line-{number}.plant.example") for number in range(3)],
    )


def _make_clients(namespace: Any, count: int, teams: list[Any], rows: list[Any]) -> None:
    from certificates.x509.certificate import name_mark, public_key_hash
    from namespaces.models import Client

    chosen = random.Random(17)
    issuers = [(name_mark(row.subject), public_key_hash(bytes(row.der))) for row in rows]
    for first in range(0, count, AT_ONCE):
        made = []
        for number in range(first, min(first + AT_ONCE, count)):
            team = chosen.randrange(TEAMS)
            scheme, pattern = KINDS[number % len(KINDS)]
            parts = {"high": number >> 16 & 255, "middle": number >> 8 & 255, "low": number & 255}
            row = Client(namespace=namespace, name=f"client-{number:07d}", synced_generation=1, team=teams[team])
            row.set_authentication_name(pattern.format(n=number, team=team, **parts))
            row.validation_scheme = scheme
            row.state = "Disabled" if number % 100 == 7 else "Enabled"
            row.attributes = {"type": "press", "line": team}
            row.base = {"properties": {"authenticationName": row.authentication_name, "attributes": row.attributes}}
            if number % 3:  # the others have not connected
                row.certificate_path, row.issuer_key = chosen.choice(issuers)
                row.anchor_key = row.issuer_key
            made.append(row)
        Client.objects.bulk_create(made)

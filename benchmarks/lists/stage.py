"""Clients by the hundred thousand for the list benchmark, as years of use leave them, and the pages that show them."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

AT_ONCE = 2000


def make_clients(namespace: Any, count: int) -> None:
    """Create clients with issuers, expiries and times of the last connection, of eight teams. Always the same ones."""
    from django.utils import timezone

    from certificates.x509.certificate import name_mark
    from namespaces.models import Client
    from portal.models import Team

    chosen, now = random.Random(15), timezone.now()
    issuers = [f"CN=Line {number} CA,O=Contoso" for number in range(8)]
    teams = [Team.objects.get_or_create(name=f"Line {number}")[0] for number in range(8)]
    for first in range(0, count, AT_ONCE):
        rows = []
        for number in range(first, min(first + AT_ONCE, count)):
            row = Client(namespace=namespace, name=f"sensor-{number:07d}", synced_generation=1)
            row.set_authentication_name(f"sensor-{number:07d}.line.example")
            row.validation_scheme = "SubjectMatchesAuthenticationName"
            row.state = "Disabled" if number % 100 == 7 else "Enabled"
            row.team = chosen.choice(teams)
            row.attributes = {"type": "press", "line": number % 20}
            row.certificate_issuer = chosen.choice(issuers)
            row.certificate_subject = f"CN=sensor-{number:07d}"
            row.certificate_path = name_mark(row.certificate_issuer)
            row.certificate_thumbprint = f"{chosen.getrandbits(256):064x}"
            row.certificate_serial = f"{chosen.getrandbits(128):x}"
            row.certificate_expires_at = now + timedelta(minutes=chosen.randrange(-9000, 900_000))
            row.last_seen_at = None if number % 50 == 3 else now - timedelta(seconds=chosen.randrange(5_000_000))
            rows.append(row)
        Client.objects.bulk_create(rows)


def analyze() -> None:
    """Renew the planner's statistics, as autovacuum and years of use have done."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def by_turns(rounds: int, *pages: Callable[[], object]) -> Iterator[float]:
    """Open the pages by turns, so that all meet the same machine; yield the median of each in milliseconds."""
    took: list[list[float]] = [[] for _ in pages]
    for _ in range(rounds):
        for at, page in enumerate(pages):
            began = time.perf_counter()
            page()
            took[at].append((time.perf_counter() - began) * 1000)
    yield from map(statistics.median, took)

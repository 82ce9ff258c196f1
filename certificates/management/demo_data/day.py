"""The hours of the day before the demo began, as the counts that the portal keeps of them.

Only the counts: the connection log holds what really happened at the endpoint.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from certificates.management.demo_data.plant import DISABLED, LINES, UNTRUSTED
from namespaces.connections.counts import hour_of
from namespaces.models import ConnectionCount, Namespace, RefusedName

HOURS = 23  # before the running one
PEAK = 5  # hours ago, an untrusted CA was tried again and again
MOST = {"issuer-found": 4, "client-found": 3, "client-enabled": 2, "scheme-compared": 2, "within-validity": 1}


def count_the_day(namespace: Namespace, *, at: datetime) -> None:
    """Store the counts of the day before `at`. Hours that were counted already stay."""
    ConnectionCount.objects.bulk_create(_counts(namespace, at), ignore_conflicts=True)
    RefusedName.objects.bulk_create(_names(namespace, at), ignore_conflicts=True)


def _counts(namespace: Namespace, at: datetime) -> Iterator[ConnectionCount]:
    chance = Random(15)  # noqa: S311 - the same day in every demo
    for ago in range(1, HOURS + 1):
        hour = hour_of(at) - timedelta(hours=ago)
        yield ConnectionCount(namespace=namespace, hour=hour, code="", count=chance.randint(60, 90))
        for code, most in MOST.items():
            count = chance.randint(0, most) + (30 if ago == PEAK and code == "issuer-found" else 0)
            if count:
                yield ConnectionCount(namespace=namespace, hour=hour, code=code, count=count)


def _names(namespace: Namespace, at: datetime) -> Iterator[RefusedName]:
    last_at = hour_of(at) - timedelta(minutes=20)
    refused = [("issuer-found", name, True) for name in LINES[2].names[-UNTRUSTED:]]
    refused += [("client-enabled", DISABLED, True)]
    refused += [("client-found", f"{line.client}-99", False) for line in LINES]
    refused += [("scheme-compared", line.names[1], True) for line in LINES]
    refused += [("within-validity", line.names[0], True) for line in LINES]
    for code, name, is_client in refused:
        yield RefusedName(namespace=namespace, code=code, name=name, is_client=is_client, last_at=last_at)

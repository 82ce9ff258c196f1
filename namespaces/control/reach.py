"""The teams whose clients a CA certificate can authenticate."""

from collections.abc import Callable, Mapping

from django.db.models import Count

from namespaces.models import Client, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME

NO_TEAM = 0
# A namespace and a CA certificate as DER → how many clients of each team it could authenticate as; NO_TEAM for those of no team.
ReachSource = Callable[[Namespace, bytes], Mapping[int, int]]


def clients_by_team(namespace: Namespace, der: bytes) -> dict[int, int]:
    """Return how many clients of each team take any certificate chain: all but those with Thumbprint Match."""
    reached = Client.objects.present().filter(namespace=namespace).exclude(validation_scheme=THUMBPRINT_SCHEME)
    counts = reached.order_by().values_list("team").annotate(count=Count("pk"))
    return {team or NO_TEAM: count for team, count in counts}


_sources: list[ReachSource] = [clients_by_team]


def register_reach(source: ReachSource) -> None:
    """Register the function that counts, in place of the one that knows no name constraints."""
    _sources[:] = [source]


def teams_reached(namespace: Namespace, der: bytes) -> frozenset[int]:
    """Return the teams with a client that this CA certificate could authenticate as."""
    return frozenset(team for team, count in _sources[0](namespace, der).items() if count)


def other_teams_reached(namespace: Namespace, der: bytes, own_team: int | None) -> frozenset[int]:
    """Return those of the teams to which the certificate does not belong."""
    return teams_reached(namespace, der) - {own_team or NO_TEAM}

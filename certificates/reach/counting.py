"""Count the clients that a CA certificate could authenticate as. Trust is namespace-wide: a client names no issuer.

The counts are of all teams: pages show them without the names that are hidden from a person (`certificates.pages.reach`).
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from certificates.authentication.certification_paths import TrustAnchors
from certificates.models import CACertificate
from certificates.reach.bindings import outside_binding
from certificates.reach.conditions import fitting, why_unable
from certificates.reach.name_constraints.limits import NameLimits, name_limits
from certificates.reach.types import Reach, TeamReach
from certificates.x509.certificate import Certificate, name_mark, public_key_hash
from namespaces.control.reach import NO_TEAM
from namespaces.models import Client, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME
from portal.models import Team

DISABLED = "Disabled"


def reach_of(certificate: Certificate, namespace: Namespace) -> Reach:
    """Return the reach of a CA certificate in a namespace, uploaded or not.

    Its dates do not count, so that the reach is the same before and after it expires, and disabled clients do: enabling one asks
    no one. Clients being deleted do not count.
    """
    present = Client.objects.present().filter(namespace=namespace.pk)
    left_out = outside_binding(namespace.pk, certificate.der)
    present = present.exclude(pk__in=left_out) if left_out else present
    unable = why_unable(certificate)
    limits = NameLimits() if unable else name_limits(certificate.der)
    clients, disabled, by_thumbprint, outside = _counts(present, limits)
    if unable:
        return Reach(certificate.thumbprint_sha256, (), by_thumbprint, 0, unable)
    signed, left = _vouched_for(present, certificate, namespace)
    named = Team.objects.filter(pk__in=[pk for pk in clients if pk is not None]).values_list("pk", "name")
    names: dict[int | None, str] = {**dict(named), None: ""}
    teams = [
        TeamReach(pk, names.get(pk, ""), count, disabled[pk], min(signed[pk], count), min(left[pk], count))
        for pk, count in clients.items()
    ]
    teams.sort(key=lambda each: (each.team is None, -each.clients, each.name))
    return Reach(certificate.thumbprint_sha256, tuple(teams), by_thumbprint, outside, outside_binding=len(left_out))


def clients_by_team(namespace: Namespace, der: bytes) -> dict[int, int]:
    """Return the clients in reach of a CA certificate by team, as the gate of change sets asks for them.

    It asks of certificates too that the endpoint would not accept here: what Azure makes of them is not known.
    """
    present = Client.objects.present().filter(namespace=namespace.pk)
    left_out = outside_binding(namespace.pk, der)
    clients, *_ = _counts(present.exclude(pk__in=left_out) if left_out else present, name_limits(der))
    return {team or NO_TEAM: count for team, count in clients.items()}


Counts = Counter[int | None]  # by team


def _counts(present: Any, limits: NameLimits) -> tuple[Counts, Counts, int, int]:
    """Return the clients in reach by team, the disabled ones among them, and how many are out of reach: by scheme and by name."""
    clients, disabled, limited = Counts(), Counts(), Counter[str]()
    by_thumbprint = 0
    for scheme, team, state, count in _grouped(present, "validation_scheme", "team", "state"):
        if scheme == THUMBPRINT_SCHEME:
            by_thumbprint += count
        elif limits.limits(scheme):
            limited[scheme] += count
        else:
            clients[team] += count
            disabled[team] += count if state == DISABLED else 0
    outside = limited.total()
    for scheme in limited:
        for team, state, count in _within(present.filter(validation_scheme=scheme), limits, scheme):
            outside -= count
            clients[team] += count
            disabled[team] += count if state == DISABLED else 0
    return clients, disabled, by_thumbprint, outside


def _within(of_scheme: Any, limits: NameLimits, scheme: str) -> Iterable[tuple[int | None, str, int]]:
    """Return (team, state, count) of the clients of one scheme whose names the constraints leave."""
    if scheme in limits.blocked:
        return ()
    if scheme in limits.by_pattern:
        return _grouped(of_scheme.filter(fitting(limits.by_pattern[scheme])), "team", "state")
    rows = of_scheme.order_by().values_list("team", "state", "authentication_key")
    found = Counter((team, state) for team, state, name in rows.iterator() if limits.permit_address(name))
    return ((team, state, count) for (team, state), count in found.items())


def _grouped(rows: Any, *columns: str) -> Iterable[Any]:
    return rows.order_by().values_list(*columns).annotate(count=Count("*"))  # type: ignore[no-any-return]


def _vouched_for(present: Any, certificate: Certificate, namespace: Namespace) -> tuple[Counts, Counts]:
    """Return the clients whose last connection was below this CA certificate, by its key, and those of them below no other."""
    signed, left = Counts(), Counts()
    key = public_key_hash(certificate.der)
    below = present.filter(Q(issuer_key=key) | Q(anchor_key=key)).exclude(validation_scheme=THUMBPRINT_SCHEME)
    others = _marks_of_others(certificate, namespace)
    for team, path, count in _grouped(below if key else below.none(), "team", "certificate_path"):
        signed[team] += count
        left[team] += 0 if others & set(path.split()) else count
    return signed, left


def _marks_of_others(certificate: Certificate, namespace: Namespace) -> frozenset[str]:
    """Return the marks of the names of the other valid CA certificates of the namespace.

    One with the same name counts only with the same key: it did not sign what this one signed.
    """
    rows = CACertificate.objects.filter(namespace=namespace.pk).trusted()
    key, now = public_key_hash(certificate.der), timezone.now()
    return frozenset(
        name_mark(other.subject)
        for _, other in TrustAnchors((row.name, bytes(row.der)) for row in rows.only("name", "der")).named
        if other.der != certificate.der
        and other.not_after >= now
        and not why_unable(other)
        and (other.subject_key != certificate.subject_key or public_key_hash(other.der) == key)
    )

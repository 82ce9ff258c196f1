"""For which clients a CA certificate vouches by its binding, and which that came below it would be cut off."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from certificates.authentication.types import authentication_name_key
from certificates.models import CACertificate, IssuerBinding
from certificates.reach.conditions import in_reach, why_unable
from certificates.reach.name_constraints.limits import name_limits
from certificates.x509.certificate import Certificate, DecodingError, load_certificate, public_key_hash
from namespaces.authorization.group_queries import Member, QueryError, parse_query
from namespaces.models import Client, ClientGroup, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME
from portal.models import Team

NAMED = 10


@dataclass(frozen=True)
class Vouching:
    """Of the clients that the person sees: `vouched` of the `of` that the CA certificate could authenticate as.

    `cut_off`: those whose last connection was below it and that it does not vouch for, with the first of their names.
    """

    vouched: int
    of: int
    cut_off: int
    names: Sequence[str]

    @property
    def more(self) -> int:
        return self.cut_off - len(self.names)


def vouching_of(row: CACertificate, binding: IssuerBinding) -> Vouching:
    """Return the effect of a binding that is saved."""
    return vouching_with(row, binding.teams.all(), binding.groups.all(), binding.patterns)


def vouching_with(
    row: CACertificate, teams: Iterable[Team], groups: Iterable[ClientGroup], patterns: Iterable[str]
) -> Vouching:
    """Return the effect of a binding to these teams, groups and names, saved or not."""
    certificate = _readable(row)
    clients = Client.visible_to(row.namespace.sight).present().filter(namespace=row.namespace_id)
    if certificate is None or why_unable(certificate):
        return Vouching(0, 0, 0, ())
    reached = clients.filter(in_reach(name_limits(certificate.der), clients))
    vouched = _vouched(row.namespace, reached, teams, groups, patterns)
    key = public_key_hash(certificate.der)
    below = reached.filter(Q(issuer_key=key) | Q(anchor_key=key)).exclude(validation_scheme=THUMBPRINT_SCHEME)
    left = below.exclude(vouched) if key else below.none()
    names = tuple(left.order_by("name").values_list("name", flat=True)[:NAMED])
    return Vouching(reached.filter(vouched).count(), reached.count(), left.count(), names)


def _readable(row: CACertificate) -> Certificate | None:
    try:
        return load_certificate(bytes(row.der)) if row.der else None
    except DecodingError:
        return None


def _vouched(
    namespace: Namespace, clients: Any, teams: Iterable[Team], groups: Iterable[ClientGroup], patterns: Iterable[str]
) -> Q:
    """Return the condition for the clients of these teams, of these groups, or with names like these."""
    wanted = Q(team__in=[team.pk for team in teams])
    for pattern in patterns:
        wanted |= Q(authentication_key__regex=as_regex(pattern))
    queries = [each for group in groups if (each := _query(group)) is not None]
    if queries:
        others = clients.exclude(wanted).order_by().values_list("pk", "authentication_name", "attributes")
        members = [
            pk
            for pk, name, attributes in others.iterator(chunk_size=2000)
            if any(query.matches(Member(name, attributes)) for query in queries)
        ]
        wanted |= Q(pk__in=members)
    return wanted


def as_regex(pattern: str) -> str:
    """Return a pattern of names as a regular expression of the database: a * is any characters. The names are case-folded."""
    return "^" + ".*".join(re.escape(part) for part in authentication_name_key(pattern).split("*")) + "$"


def _query(group: ClientGroup) -> Any:
    try:
        return parse_query(group.query)
    except QueryError:
        return None  # nobody belongs to it

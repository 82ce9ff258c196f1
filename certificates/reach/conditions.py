"""The clients that a CA certificate could authenticate as, as a condition of a query, to count and to list them."""

from functools import lru_cache
from typing import Any

from django.db.models import Q

from certificates.authentication.chain import anchor_flaw
from certificates.authentication.engine import VALIDATION_SCHEMES
from certificates.authentication.matching import IP_SCHEME
from certificates.models import CACertificate
from certificates.reach.bindings import outside_binding
from certificates.reach.name_constraints.limits import NameLimits, Patterns, name_limits
from certificates.reach.types import ABLE, FLAWED, NOT_FOR_CLIENTS
from certificates.x509.certificate import Certificate, DecodingError
from namespaces.models import Client, Namespace
from namespaces.registry import ANY_CA
from namespaces.rules.clients import THUMBPRINT_SCHEME


def fitting(patterns: Patterns) -> Q:
    """Return the condition for clients whose authentication name fits."""
    wanted = ~Q(authentication_key__regex=patterns.excluded) if patterns.excluded else Q()
    for needed in patterns.needed:
        wanted &= Q(authentication_key__regex=needed)
    return wanted


def _within_limits(limits: NameLimits, clients: Any) -> Q:
    """Return the condition for clients with a scheme that the name constraints limit, and a name that they leave.

    `clients`: the query for the clients in question. Addresses have many notations, so they are compared here.
    """
    wanted = Q(pk__in=())
    for scheme, patterns in limits.by_pattern.items():
        wanted |= Q(validation_scheme=scheme) & fitting(patterns)
    if limits.limits_addresses:
        names = clients.filter(validation_scheme=IP_SCHEME).order_by().values_list("authentication_key", flat=True)
        kept = [name for name in names.iterator(chunk_size=5000) if limits.permit_address(name)]
        wanted |= Q(validation_scheme=IP_SCHEME, authentication_key__in=kept)
    return wanted


def in_reach(limits: NameLimits, clients: Any) -> Q:
    """Return the condition for the clients that a CA certificate with these name constraints could authenticate as."""
    wanted = ~Q(validation_scheme=THUMBPRINT_SCHEME) & Q(deleted_at=None)
    if limits.is_empty:
        return wanted
    unlimited = [scheme.value for scheme in VALIDATION_SCHEMES if not limits.limits(scheme.value)]
    return wanted & (Q(validation_scheme__in=unlimited) | _within_limits(limits, clients))


def in_reach_of(namespace: Namespace, name: str) -> Q | None:
    """Return the condition for the clients in reach of the CA certificate of this name, as a person sees it; None if unknown.

    For `ANY_CA`, those in reach of every CA certificate without name constraints.
    """
    clients = Client.visible_to(namespace.sight).present().filter(namespace=namespace.pk)
    if name == ANY_CA:
        return in_reach(NameLimits(), clients)
    row = CACertificate.visible_to(namespace.sight).present().filter(namespace=namespace.pk).named(name).first()
    try:
        certificate = row.certificate if row is not None else None
    except DecodingError:
        certificate = None
    if certificate is None:
        return None
    if why_unable(certificate):
        return Q(pk__in=())
    left_out = outside_binding(namespace.pk, certificate.der)
    return in_reach(name_limits(certificate.der), clients) & (~Q(pk__in=left_out) if left_out else Q())


@lru_cache(maxsize=64)  # of the same few CA certificates; a flaw does not go away
def why_unable(certificate: Certificate) -> str:
    """Return why the endpoint accepts no client with this CA certificate, whatever it signs; "" where it may."""
    if anchor_flaw(certificate):
        return FLAWED
    return ABLE if certificate.allows_clients else NOT_FOR_CLIENTS

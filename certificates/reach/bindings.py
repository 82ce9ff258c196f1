"""The clients for which a bound CA certificate does not vouch, where this portal enforces that."""

from functools import lru_cache

from certificates.authentication.types import ClientRecord
from certificates.namespace_rules import rules_of
from certificates.x509.certificate import public_key_hash
from namespaces.actions.decision_points import is_decided_here
from namespaces.models import Client, NamespaceConfiguration
from namespaces.rules.clients import THUMBPRINT_SCHEME

_COLUMNS = ("pk", "name", "authentication_name", "validation_scheme", "team__name", "attributes")

key_of = lru_cache(maxsize=64)(public_key_hash)


def is_enforced(namespace_pk: int) -> bool:
    """Return whether rules count on each CONNECT: this portal decides, and Azure has asked it about a registered client."""
    confirmed = {"namespace": namespace_pk, "namespace__decision_point__confirmed_at__isnull": False}
    rows = NamespaceConfiguration.objects.filter(**confirmed).select_related("namespace__decision_point")
    row: NamespaceConfiguration | None = rows.first()
    return row is not None and row.is_settled and is_decided_here(row, row.namespace.decision_point)


def outside_binding(namespace_pk: int, der: bytes) -> frozenset[int]:
    """Return the clients for which a CA certificate (DER) does not vouch, by primary key; none where it is not bound, or Azure decides.

    Clients with Thumbprint Match are not among them: they need no CA.
    """
    if not is_enforced(namespace_pk):
        return frozenset()
    binding = rules_of(namespace_pk).bindings.get(key_of(der) if der else "")
    if binding is None:
        return frozenset()
    clients = Client.objects.present().filter(namespace=namespace_pk).exclude(validation_scheme=THUMBPRINT_SCHEME)
    left_out = set()
    for pk, name, given, scheme, team, attributes in clients.order_by().values_list(*_COLUMNS).iterator(2000):
        record = ClientRecord(name, given, scheme, team=team or "", attributes=attributes or {})
        if not binding.vouches_for(record):
            left_out.add(pk)
    return frozenset(left_out)

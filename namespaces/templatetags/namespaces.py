"""Links into this room for templates of others."""

from collections.abc import Iterable
from datetime import datetime

from django import template
from django.utils import timezone

from namespaces.connections import attempts
from namespaces.connections.attempt_filter import verdict_on
from namespaces.connections.counts import OTHER
from namespaces.forms import prefill
from namespaces.models import ConnectionAttempt, Namespace
from namespaces.rules.configuration import SOURCES
from sync.models import SyncedModel

register = template.Library()


@register.filter
def protocol_label(protocol: str) -> str:
    return attempts.protocol_label(protocol)


@register.filter
def verdict(attempt: ConnectionAttempt) -> str:
    """ "accepted", "refused", or "aborted" where the client went away during the TLS handshake."""
    return verdict_on("" if attempt.accepted else attempt.code or OTHER)


@register.filter
def may_change(namespace: Namespace, row: SyncedModel) -> bool:
    """Return whether the user of this page may change a resource of the namespace."""
    return namespace.rights is not None and bool(namespace.rights.covers(row))


@register.filter
def source_label(source: str) -> str:
    """Azure's label of an alternative source, such as "Certificate Dns"."""
    return dict(SOURCES).get(source, source)


@register.simple_tag
def create_client_url(namespace_pk: int, values: Iterable[tuple[str, str]]) -> str:
    """Return the address of Create client, filled in with "authentication_name", "validation_scheme" and "thumbprint"."""
    facts = dict(values)
    return prefill.create_client_url(
        namespace_pk,
        authentication_name=facts.get("authentication_name", ""),
        scheme=facts.get("validation_scheme", ""),
        thumbprint=facts.get("thumbprint", ""),
    )


@register.simple_tag
def judged_at(namespace: Namespace) -> datetime:
    """Return the moment at which certificates in a namespace are judged now."""
    return namespace.judged_at(timezone.now())

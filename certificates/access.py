"""The only door to a CA certificate."""

from django.http import Http404

from certificates.models import CACertificate
from namespaces.access import Verb, get_namespace
from portal.models import User


def get_ca_certificate(user: User, pk: int, name: str, verb: Verb = Verb.READ) -> CACertificate:
    """The CA certificate `name` of namespace `pk`, through the namespace's door."""
    namespace = get_namespace(user, pk, verb)
    row: CACertificate | None = (
        CACertificate.objects.with_findings()
        .filter(namespace=namespace, name__iexact=name)
        .select_related("namespace", "team")
        .first()
    )
    if row is None:
        raise Http404("There is no such CA certificate.")
    return row

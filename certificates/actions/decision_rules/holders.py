"""Whose a certificate is that the portal has seen: who may revoke it follows from that."""

from dataclasses import dataclass

from django.db.models import Q

from certificates.authentication.types import authentication_name_key
from certificates.models import CACertificate
from namespaces.models import Client, ClientCertificate, ConnectionAttempt
from namespaces.rights import Rights
from portal.models import Team
from sync.models import SyncedModel


@dataclass(frozen=True)
class Holder:
    """The CA certificate or client to which a certificate belongs. Both are None where there is no such row.

    `is_ca`: a certificate without a row, such as an intermediate that devices send, is treated as a CA certificate of no team.
    """

    ca: CACertificate | None = None
    client: Client | None = None
    is_ca: bool = False

    @property
    def row(self) -> CACertificate | Client | None:
        return self.ca or self.client

    @property
    def team(self) -> Team | None:
        return self.row.team if self.row is not None else None

    def may_change(self, rights: Rights) -> bool:
        """Return whether a person with these rights may revoke the certificate, or release it."""
        model: type[SyncedModel] = CACertificate if self.ca is not None or self.is_ca else Client
        return rights.reach(model).covers(self.team.pk if self.team is not None else None)


def holder_of(namespace_pk: int, thumbprint: str, *, is_ca: bool, client_name: str = "") -> Holder:
    """Return whose the certificate with this thumbprint is.

    A client's certificate belongs to the client that showed it last. One that was only refused belongs to the client as which it
    came. `client_name`: the client where nothing is known of the certificate any more.
    """
    ca = CACertificate.objects.filter(namespace=namespace_pk, thumbprint=thumbprint).select_related("team").first()
    if ca is not None:
        return Holder(ca=ca, is_ca=True)
    if is_ca:
        return Holder(is_ca=True)
    shown = ClientCertificate.objects.filter(namespace=namespace_pk, thumbprint=thumbprint)
    name = shown.values_list("client_name", flat=True).first()
    client = _named(namespace_pk, name or "") or _of_attempt(namespace_pk, thumbprint)
    return Holder(client=client or _named(namespace_pk, client_name))


def _of_attempt(namespace_pk: int, thumbprint: str) -> Client | None:
    """Return the client of the last attempt with this certificate: the one that it found, or the one that it named."""
    rows = ConnectionAttempt.objects.filter(namespace=namespace_pk, thumbprint=thumbprint).order_by("-cursor")
    last = rows.values_list("client_name", "user_name").first()
    if last is None:
        return None
    client_name, user_name = last
    found = _named(namespace_pk, client_name)
    if found is not None or not user_name:
        return found
    called = Q(authentication_key=authentication_name_key(user_name))
    return Client.objects.filter(called, namespace=namespace_pk).select_related("team").first()


def _named(namespace_pk: int, name: str) -> Client | None:
    if not name:
        return None
    found: Client | None = Client.objects.filter(namespace=namespace_pk).named(name).select_related("team").first()
    return found

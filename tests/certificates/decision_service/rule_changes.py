"""Changes of rules by the actions behind the pages, each with what the service has to answer about one device from then on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from certificates.actions.decision_rules.bindings import bind_issuer, unbind_issuer
from certificates.actions.decision_rules.lists import remove_list, take_list
from certificates.actions.decision_rules.revocations import release_certificate, revoke_certificate
from certificates.models import CACertificate, RevokedCertificate
from certificates.x509.certificate import load_certificate
from namespaces.models import Client, Namespace
from portal.models import Team
from sync.actions import commit_change
from tests.support.certificates.chains import Identity
from tests.support.certificates.revocation_lists import revocation_list
from tests.support.database.factories import owner_of


@dataclass(frozen=True)
class Change:
    """`step` is that at which the device is refused afterwards, "" where it is allowed."""

    name: str
    apply: Callable[[], object]
    step: str = ""


def rule_changes(namespace: Namespace, device: Identity, line: Identity, number: int = 1) -> Iterator[Change]:
    """Yield changes that each refuse the device, and their undoing. `number` is that of the revocation list."""
    owner = owner_of(namespace)
    ca = CACertificate.objects.get(namespace=namespace)
    other, _ = Team.objects.get_or_create(name="Another line")
    certificate = load_certificate(device.der)

    def revoke() -> None:
        revoke_certificate(owner, namespace=namespace, certificate=certificate, reason="keyCompromise")

    def release() -> None:
        release_certificate(owner, revoked=RevokedCertificate.objects.in_force().get(namespace=namespace))

    yield Change("revoke", revoke, "not-revoked")
    yield Change("release", release)
    yield Change(
        "bind the CA to another team",
        lambda: bind_issuer(owner, ca=ca, teams=[other], groups=[], patterns=[]),
        "issuer-vouches",
    )
    yield Change("unbind the CA", lambda: unbind_issuer(owner, ca=ca))
    now = timezone.now()
    crl = revocation_list(
        line, device, number=number, this_update=now - timedelta(hours=1), next_update=now + timedelta(days=7)
    )
    yield Change("upload a revocation list", lambda: take_list(owner, ca=ca, data=crl), "not-revoked")
    yield Change("remove it", lambda: remove_list(owner, ca=ca))
    client = Client.objects.get(namespace=namespace, name=device.name)
    yield Change("disable the client", lambda: _set_state(client, Client.ConnectionState.DISABLED), "client-enabled")
    yield Change("enable the client", lambda: _set_state(client, Client.ConnectionState.ENABLED))


def _set_state(client: Client, state: Client.ConnectionState) -> None:
    client.state = state
    owner = owner_of(client.namespace)
    commit_change(owner, row=client, verb="Update", before={}, after={}, scope_name=client.namespace.name)

"""A namespace in which changes need approval, with people on several sides."""

from dataclasses import dataclass
from typing import Any

import pytest

from certificates.actions.ca_certificates import upload_ca_certificate
from certificates.x509.reading import Certificate, load_certificate
from namespaces.actions.change_sets.decisions import approve
from namespaces.actions.change_sets.requests import keep_draft, request_approval
from namespaces.control.cases import approval_state
from namespaces.control.gate import NeedsApproval
from namespaces.models import ChangeSet, ControlPolicy, Namespace
from portal.models import Membership, Team, User
from tests.support.factories import make_ca_der, make_client, make_namespace, make_team, make_user


@dataclass
class Plant:
    """Line A uploads, Line B has clients, Olga owns the namespace. Rita of Line A is a colleague of the requester."""

    namespace: Namespace
    dana: User  # Contributor in Line A
    rita: User  # Owner, but in Line A too
    olga: User  # Owner, in no team
    lee: User  # lead of Line B, with a role here
    line_a: Team
    line_b: Team

    @property
    def policy(self) -> ControlPolicy:
        return ControlPolicy.objects.get(namespace=self.namespace)

    def certificate(self) -> Certificate:
        return load_certificate(make_ca_der())

    def upload(self, actor: User | None = None, *, name: str = "line-a-ca", **fields: Any) -> Any:
        """Upload a CA certificate through the action of the form."""
        values = {"team": self.line_a, "description": "", "certificate": self.certificate(), **fields}
        return upload_ca_certificate(actor or self.dana, namespace=self.namespace, name=name, **values)

    def held(self, *args: Any, **kwargs: Any) -> NeedsApproval:
        with pytest.raises(NeedsApproval) as held:
            self.upload(*args, **kwargs)
        return held.value

    def request(self, actor: User | None = None, held: NeedsApproval | None = None) -> ChangeSet:
        """Request the upload of a CA certificate, or what was held back."""
        actor = actor or self.dana
        draft = keep_draft(actor, held or self.held(actor))
        return request_approval(actor, change_set=draft, title="New CA", reason="The old one expires.")


def approve_now(actor: User, change_set: ChangeSet) -> ChangeSet:
    """Approve what a page would show now."""
    change_set.refresh_from_db()
    return approve(actor, change_set=change_set, shown=approval_state(change_set).shown)


@pytest.fixture
def plant() -> Plant:
    dana, rita, olga, lee = (make_user(name) for name in ("dana", "rita", "olga", "lee"))
    line_a, line_b = make_team("Line A", dana, rita), make_team("Line B", lee)
    Membership.objects.filter(user=lee).update(is_lead=True)
    namespace = make_namespace("plant", contributor=dana, owner=olga)
    namespace.roles.create(user=rita, role="owner")
    namespace.roles.create(user=lee, role="reader")
    ControlPolicy.objects.create(namespace=namespace, enabled=True)
    make_client(namespace, "press-1", team=line_b)
    make_client(namespace, "press-2", team=line_b, validation_scheme="ThumbprintMatch", thumbprints=["a" * 64])
    return Plant(namespace, dana, rita, olga, lee, line_a, line_b)

"""A namespace in which changes need approval, with people on several sides."""

from dataclasses import dataclass
from typing import Any

import pytest

from certificates.actions.ca_certificates import upload_ca_certificate
from certificates.x509.reading import Certificate, load_certificate
from namespaces.actions.change_sets.decisions import approve
from namespaces.actions.change_sets.requests import keep_draft, request_approval
from namespaces.actions.clients import update_client
from namespaces.control.cases import approval_state
from namespaces.control.gate import NeedsApproval
from namespaces.models import ChangeSet, Client, ControlPolicy, Namespace
from namespaces.rules.errors import RuleError
from portal.models import Membership, NoticeRecipient, Team, User
from tests.support.database.factories import make_ca_der, make_client, make_namespace, make_team, make_user


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


def refused(call: Any, *args: Any, **kwargs: Any) -> RuleError:
    with pytest.raises(RuleError) as refusal:
        call(*args, **kwargs)
    return refusal.value


def held(call: Any, *args: Any, **kwargs: Any) -> NeedsApproval:
    with pytest.raises(NeedsApproval) as found:
        call(*args, **kwargs)
    return found.value


def state_of(change_set: ChangeSet) -> str:
    change_set.refresh_from_db()
    return change_set.state


def confirm_in_azure(*models: Any) -> None:
    """Let Azure confirm everything that waits."""
    for model in models:
        model.objects.filter(deleted_at__isnull=False).delete()
        for row in model.objects.all():
            model.objects.filter(pk=row.pk).update(synced_generation=row.generation, parked_code="")


def told(user: User) -> set[str]:
    return set(NoticeRecipient.objects.filter(user=user).values_list("notice__event", flat=True))


def leave_thumbprint(plant: Plant, actor: User, **fields: Any) -> Client:
    client = Client.objects.get(name="press-2")
    values = {"state": "Enabled", "description": "", "attributes": {}, **fields}
    scheme = "SubjectMatchesAuthenticationName"
    return update_client(actor, client=client, validation_scheme=scheme, **values)

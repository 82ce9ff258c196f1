"""Changes of roles in a namespace."""

import pytest

from namespaces.actions.roles import grant_role, revoke_role
from namespaces.models import NamespaceRole, Role
from namespaces.rules.errors import RuleError
from portal.models import Activity
from tests.support.database.factories import make_namespace, make_user

pytestmark = pytest.mark.django_db


def test_a_role_is_granted_replaced_and_revoked() -> None:
    owner, user = make_user("owner"), make_user("user")
    namespace = make_namespace(owner=owner)
    grant_role(owner, namespace=namespace, user=user, role=Role.READER)
    role = grant_role(owner, namespace=namespace, user=user, role=Role.CONTRIBUTOR)
    assert NamespaceRole.objects.get(user=user).role == Role.CONTRIBUTOR
    revoke_role(owner, role=role)
    assert not NamespaceRole.objects.filter(user=user).exists()
    assert [entry.verb for entry in Activity.objects.order_by("pk")] == ["Grant role", "Grant role", "Revoke role"]


def test_the_last_owner_stays() -> None:
    owner = make_user("owner")
    namespace = make_namespace(owner=owner)
    role = NamespaceRole.objects.get()
    with pytest.raises(RuleError) as refusal:
        revoke_role(owner, role=role)
    assert refusal.value.code == "last-owner"
    with pytest.raises(RuleError) as refusal:
        grant_role(owner, namespace=namespace, user=owner, role=Role.READER)
    assert refusal.value.code == "last-owner"
    assert NamespaceRole.objects.get().role == Role.OWNER

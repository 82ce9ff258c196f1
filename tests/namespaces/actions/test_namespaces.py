"""Changes of namespaces: connecting and disconnecting."""

import pytest
from django.core.exceptions import PermissionDenied

from namespaces.actions.namespaces import connect_namespace, disconnect_namespace
from namespaces.models import Client, Namespace
from portal.models import Activity, User
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.database.factories import make_admin, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


def test_a_disconnected_namespace_leaves_its_activity() -> None:
    owner = make_user("owner")
    namespace = make_namespace(owner=owner)
    make_client(namespace)
    disconnect_namespace(owner, namespace=namespace)
    assert not Namespace.objects.exists()
    assert not Client.objects.exists()
    assert Activity.objects.get().verb == "Disconnect namespace"


def test_only_an_administrator_can_connect_a_namespace() -> None:
    with pytest.raises(PermissionDenied):
        connect_namespace(make_user(), resource_id="anything")


def test_an_administrator_disabled_while_azure_answers_connects_nothing(azure: EmulatorProcess) -> None:
    """The object of the actor is as the request read it, before the disabling."""
    admin, resource_id = make_admin(), azure.make_namespace("connected-late")
    User.objects.update(is_active=False)
    with pytest.raises(PermissionDenied):
        connect_namespace(admin, resource_id=resource_id)
    assert not Namespace.objects.exists()
    assert not Activity.objects.exists()
    User.objects.update(is_active=True)
    assert connect_namespace(admin, resource_id=resource_id).name == "connected-late"

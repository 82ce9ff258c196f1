"""Changes of namespaces: connecting and disconnecting."""

import pytest
from django.core.exceptions import PermissionDenied

from namespaces.actions.namespaces import connect_namespace, disconnect_namespace
from namespaces.models import Client, Namespace
from portal.models import Activity
from tests.support.factories import make_client, make_namespace, make_user

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

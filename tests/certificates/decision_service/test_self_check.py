"""A change of clients that was not noted is found; one that was noted, at whatever moment, is no fault."""

import pytest
from django.db.models import F

from certificates.decision_service.following import Reader
from certificates.decision_service.self_check import EVERY, SelfCheck
from namespaces.decision_changes import decisions_changed
from namespaces.models import Client, DecisionPoint, Namespace
from tests.support.database.factories import make_client, make_namespace

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace() -> Namespace:
    made = make_namespace()
    make_client(made, "sensor-1")
    DecisionPoint.objects.create(namespace=made)
    return made


@pytest.mark.parametrize("change", ["disabled", "edited", "deleted", "created"])
def test_a_change_without_a_note_is_found(namespace: Namespace, change: str) -> None:
    check, rows, pks = SelfCheck(), Client.objects.filter(namespace=namespace), [namespace.pk]
    assert check.missed(pks, [], 0.0) == set()
    if change == "disabled":
        rows.update(state=Client.ConnectionState.DISABLED)
    elif change == "edited":
        rows.update(edited_generation=F("edited_generation") + 1)
    elif change == "deleted":
        rows.update(deleted_at=F("created_at"))
    else:
        make_client(namespace, "sensor-2")
    assert check.missed(pks, [], EVERY / 2) == set()  # not due
    assert check.missed(pks, [], EVERY) == set()  # its note may come with the next reading
    assert check.missed(pks, [], EVERY + 1) == {namespace.pk}
    assert check.missed(pks, [], 2 * EVERY + 1) == set()


@pytest.mark.parametrize("read_with", ["before", "after"])
def test_a_noted_change_is_no_fault(namespace: Namespace, read_with: str) -> None:
    """Its note is read before the sums, or just after them."""
    check, pks = SelfCheck(), [namespace.pk]
    assert check.missed(pks, [], 0.0) == set()
    Client.objects.filter(namespace=namespace).update(state=Client.ConnectionState.DISABLED)
    assert check.missed(pks, pks if read_with == "before" else [], EVERY) == set()
    assert check.missed(pks, pks if read_with == "after" else [], EVERY + 1) == set()
    assert check.missed(pks, [], 2 * EVERY + 1) == set()
    assert check.missed(pks, [], 3 * EVERY + 2) == set()


def test_the_namespace_is_then_read_whole(namespace: Namespace) -> None:
    reader = Reader()
    decisions_changed(namespace.pk)
    assert reader.read().whole.keys() == {namespace.pk}
    Client.objects.filter(namespace=namespace).update(state=Client.ConnectionState.DISABLED)
    reader._self_check._next = 0.0
    assert reader.read().whole == {}
    whole = reader.read().whole[namespace.pk]
    assert [client.enabled for client in whole.clients.values()] == [False]

"""What the pages of namespaces say of each, and that many namespaces cost no more questions than one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Namespace
from namespaces.overview import Counts, summarize, summarize_all
from portal.models import User
from sync.models import Finding
from tests.factories import make_ca_certificate, make_client, make_client_group, make_namespace, make_user
from tests.sync.test_pages import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


def filled(namespace: Namespace) -> Namespace:
    """Two CA certificates, three clients of which one waits, one is on its way out and one was refused, a finding."""
    make_ca_certificate(namespace, "line-a", rule_notes=["Our rules would refuse it."])
    make_ca_certificate(namespace, "line-b")
    make_client(namespace, "waits", synced_generation=0)
    make_client(namespace, "goes", synced_generation=0, deleted_at=timezone.now(), rule_notes=["Also this."])
    make_client(namespace, "refused", synced_generation=0, parked_code="InvalidInput")
    make_client_group(namespace, synced_generation=0)
    for state in (Finding.State.OPEN, Finding.State.IGNORED):
        Finding.objects.create(
            kind="namespaces.client",
            scope=namespace.pk,
            name=state,
            drift="changed",
            state=state,
            found_at=timezone.now(),
            seen_at=timezone.now(),
        )
    return namespace


def test_each_namespace_is_told_by_itself(ada: User) -> None:
    full, empty = filled(make_namespace("full")), make_namespace("empty")
    filled(make_namespace("another"))
    first, second = summarize_all([full, empty], timezone.now())
    assert first.counts == Counts(ca_certificates=2, clients=2, waiting=3, refused=1, differing=1, noted=1)
    assert first.next_expiry is not None
    assert (second.counts, second.next_expiry) == (Counts(0, 0, 0, 0, 0, 0), None)
    assert (first.health.word, second.health.word) == ("Refused", "Healthy")
    assert summarize(full, timezone.now()).counts == first.counts


def test_the_list_of_namespaces_asks_as_little_of_five_as_of_one(ada: User) -> None:
    filled(make_namespace(contributor=ada))
    browser, address = signed_in(ada), reverse("namespaces:namespace_list")

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(address).status_code == 200
        return len(asked)

    ask()
    of_one = ask()
    for number in range(4):
        filled(make_namespace(f"plant-{number}", contributor=ada))
    assert ask() == of_one


def test_the_overview_does_not_ask_for_each_difference_or_client(ada: User) -> None:
    namespace = filled(make_namespace(contributor=ada))
    browser, address = signed_in(ada), reverse("namespaces:namespace_overview", args=[namespace.pk])

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(address).status_code == 200
        return len(asked)

    ask()
    before = ask()
    for number in range(10):
        make_client(namespace, f"sensor-{number}", synced_generation=number % 2)
    assert ask() == before
    assert before < 30

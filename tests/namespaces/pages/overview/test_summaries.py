"""What the pages of namespaces say of each, and that many namespaces cost no more questions than one."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from certificates.pages.expiries import expiries_of
from certificates.x509.reading import load_certificate
from namespaces.connections.client_certificates import Showing, next_ends, remember
from namespaces.models import Namespace
from namespaces.pages.overview.health import Counts, summarize, summarize_all
from portal.models import User
from sync.models import Finding
from tests.support.browser.browsing import signed_in
from tests.support.certificates.chains import self_signed
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_group,
    make_configuration,
    make_namespace,
    make_user,
)

pytestmark = pytest.mark.django_db


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
    assert (first.health.code, second.health.code) == ("rejected", "healthy")
    assert summarize(full, timezone.now()).counts == first.counts


def test_the_next_expiry_is_the_first_that_the_page_expiries_lists(ada: User) -> None:
    now, owner = timezone.now(), make_namespace(contributor=ada)
    make_ca_certificate(owner, "line-a")  # ends in 200 days
    make_client(owner, "press-1")
    for name, days in (("press-1", 40), ("PRESS-1", 60), ("gone", 20), ("press-1", -3)):
        leaf = self_signed(f"{name} {days}", at=now, not_after=now + timedelta(days=days))
        remember(owner.pk, [Showing(name, (load_certificate(leaf.der),), now, has_connected=True)])
    summary = summarize(owner, now)
    assert summary.next_expiry is not None
    assert (summary.next_expiry - now).days in {39, 40}
    listed = [expiry.not_after for expiry in expiries_of(owner, at=now) if expiry.not_after > now]
    assert summary.next_expiry == listed[0]
    assert summary.health.code == "healthy"  # an end of one client's certificate is no matter of all
    browser = signed_in(ada)
    day = f"{summary.next_expiry:%d %b %Y}"
    for url in (reverse("namespaces:namespace_list"), reverse("namespaces:namespace_overview", args=[owner.pk])):
        assert day in browser.get(url).content.decode()


def test_the_next_expiry_of_many_certificates_is_found_along_indexes() -> None:
    namespace = make_namespace()
    make_client(namespace, "press-1")
    with CaptureQueriesContext(connection) as asked:
        next_ends([namespace.pk], timezone.now(), namespace.sight)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked.captured_queries[0]['sql']}")
        steps = " ".join(detail for *_, detail in cursor.fetchall())
    assert "USING INDEX client_name_unique_ignoring_case (namespace_id=? AND <expr>=?)" in steps
    assert "SCAN" not in steps


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
    assert before < 42


def test_an_empty_namespace_leads_to_sample_certificates_from_each_page_that_takes_one(ada: User) -> None:
    namespace = make_namespace("empty", contributor=ada, reader=make_user("rita"))
    make_configuration(namespace, state="Enabled")
    samples = reverse("certificates:sample_certificates", args=[namespace.pk])
    for name in ("namespaces:namespace_overview", "certificates:ca_certificate_list", "namespaces:client_list"):
        answer = signed_in(ada).get(reverse(name, args=[namespace.pk]))
        assert f'<a href="{samples}">' in answer.content.decode(), name


def test_a_reader_is_not_sent_to_do_what_only_contributors_can(ada: User) -> None:
    namespace = make_namespace("empty", reader=ada)
    make_configuration(namespace, state="Enabled")
    text = signed_in(ada).get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()
    assert 'data-code="contributors-only"' in text
    assert reverse("certificates:ca_certificate_upload", args=[namespace.pk]) not in text

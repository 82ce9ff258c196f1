"""Import: the worker writes what was chosen, in batches that can be stopped, resumed and taken over."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from namespaces.actions import client_imports as actions
from namespaces.models import Client, ClientImport, ImportRow, Namespace, NamespaceRole, Role
from portal.models import Notice, User
from tests.namespaces.client_imports.importing import (
    bring,
    review,
    start,
    url,
)
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db


def test_an_import_is_cancelled_and_resumed(
    browser: Browser, place: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "BATCH", 2)
    run = review(browser, place, ("a.csv", b"name\n" + b"\n".join(b"press-%d" % n for n in range(5))))
    start(browser, place, run)
    ClientImport.objects.update(state="running")
    assert actions.import_batch(run.pk)
    browser.post(url(place, "_cancel", run))
    assert not actions.import_batch(run.pk)
    assert Client.objects.count() == 2
    browser.post(url(place, "_resume", run))
    actions.run_import(run.pk)
    run.refresh_from_db()
    assert (run.state, run.done, run.imported, Client.objects.count()) == ("done", 5, 5, 5)


def test_rights_are_read_again_in_each_batch(
    browser: Browser, ada: User, place: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "BATCH", 2)
    run = review(browser, place, ("a.csv", b"name\na\nb\nc\n"))
    start(browser, place, run)
    ClientImport.objects.update(state="running")
    assert actions.import_batch(run.pk)
    NamespaceRole.objects.filter(user=ada).update(role=Role.READER)
    while actions.import_batch(run.pk):
        pass
    assert sorted(Client.objects.values_list("name", flat=True)) == ["a", "b"]
    assert run.rows.get(number=3).outcome == "left"


def test_names_taken_since_the_review_are_left_and_deleted_ones_revived(browser: Browser, place: Namespace) -> None:
    make_client(place, "going", deleted_at=timezone.now(), generation=2)
    run = review(browser, place, ("a.csv", b"name,authentication name\na,a\nb,b\nc,c\ngoing,going\n"))
    start(browser, place, run)
    make_client(place, "A", authentication_name="x")
    make_client(place, "y", authentication_name="B")
    actions.run_import(run.pk)
    assert [row.outcome for row in run.rows.all()] == ["left", "left", "created", "created"]
    revived = Client.objects.get(name="going")
    assert (revived.deleted_at, revived.generation) == (None, 3)


def test_no_more_clients_than_a_namespace_holds(browser: Browser, place: Namespace, settings: Any) -> None:
    settings.MAX_CLIENTS = 2
    run = review(browser, place, ("a.csv", b"name\na\nb\nc\n"))
    start(browser, place, run)
    actions.run_import(run.pk)
    assert [row.outcome for row in run.rows.all()] == ["created", "created", "left"]


def test_an_import_is_for_its_person_and_for_a_day(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\n"))
    assert signed_in(owner_of(place)).get(url(place, "", run)).status_code == 404
    actions.forget_old_imports(timezone.now() + timedelta(hours=23))
    assert ClientImport.objects.exists()
    actions.forget_old_imports(timezone.now() + timedelta(hours=25))
    assert not ClientImport.objects.exists()
    assert browser.get(url(place, "", run)).status_code == 404


def test_numbers_of_an_import_are_kept_for_longer_than_its_rows(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\n"))
    start(browser, place, run)
    actions.run_import(run.pk)
    actions.forget_old_imports(timezone.now() + timedelta(hours=25))
    assert not ImportRow.objects.exists()
    assert 'data-imported="1"' in browser.get(url(place, "", run)).content.decode()
    actions.forget_old_imports(timezone.now() + timedelta(days=31))
    assert not ClientImport.objects.exists()


def test_a_dead_worker_is_replaced(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\n"))
    start(browser, place, run)
    ClientImport.objects.update(state="running", touched_at=timezone.now())
    assert actions.waiting_imports(timezone.now()) == []
    assert actions.waiting_imports(timezone.now() + actions.DEAD_AFTER * 2) == [run.pk]


def test_a_client_manager_imports_for_their_team_only(place: Namespace) -> None:
    lee = make_user("lee")
    mine, theirs = make_team("Line A", lee), make_team("Line B")
    NamespaceRole.objects.create(namespace=place, user=lee, role=Role.CLIENT_MANAGER)
    browser = signed_in(lee)
    assert bring(browser, place, ("a.csv", b"name\na\n"), team=theirs.pk).status_code == 422
    run = review(browser, place, ("a.csv", b"name\na\n"), team=mine.pk)
    start(browser, place, run)
    actions.run_import(run.pk)
    assert Client.objects.get().team == mine


def test_an_import_is_discarded(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\n"))
    assert browser.post(url(place, "_discard", run)).status_code == 302
    assert not ImportRow.objects.exists()


def test_one_notice_reports_the_result(browser: Browser, place: Namespace, ada: User) -> None:
    run = review(browser, place, ("a.csv", b"name\na\nb c\n"))
    start(browser, place, run)
    actions.run_import(run.pk)
    notice = Notice.objects.get(event="import_done", recipients__user=ada)
    assert (notice.url, notice.subject[:6]) == (url(place, "", run), "1 of 1")
    result = list(csv.DictReader(io.StringIO(b"".join(browser.get(url(place, "_result", run))).decode("utf-8-sig"))))
    assert [row["Result"] for row in result] == ["Created", "Left out"]

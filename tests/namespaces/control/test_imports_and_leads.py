"""Rows of an import, and leads of teams, that need approval."""

import pytest
from django.http import QueryDict
from django.test import Client as Browser
from django.urls import reverse

from namespaces.access import get_namespace
from namespaces.actions import client_imports
from namespaces.actions.change_sets import requests
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.import_drafts import drafts_of
from namespaces.client_files.found_rows import FoundRow
from namespaces.control.gate import NeedsApproval
from namespaces.control.rules.policy import Need
from namespaces.models import ChangeSet, Client, ClientImport, ControlPolicy
from namespaces.pages.client_import import review_of
from namespaces.rules.errors import RuleError
from portal.models import Membership, User
from portal.people.teams import set_lead
from tests.namespaces.control.conftest import Plant, approve_now
from tests.support.database.factories import make_admin, make_client, make_user

pytestmark = pytest.mark.django_db


def import_clients(plant: Plant, *names: str) -> ClientImport:
    namespace = get_namespace(plant.dana, plant.namespace.pk)
    found = [FoundRow("clients.csv", at, values={"name": name}) for at, name in enumerate(names, 1)]
    run = client_imports.keep_rows(plant.dana, namespace=namespace, team=plant.line_a, found=found, title="clients.csv")
    client_imports.start_import(plant.dana, run=run, everything=True)
    client_imports.run_import(run.pk)
    run.refresh_from_db()
    return run


def test_rows_that_need_approval_become_a_draft(plant: Plant) -> None:
    ControlPolicy.objects.update(needs=["client_create"])
    run = import_clients(plant, "new-1", "new-2", "new-3")
    assert (run.state, run.imported) == ("done", 0)
    assert not Client.objects.filter(name__startswith="new-").exists()
    [draft] = drafts_of(run)
    browser = Browser()
    browser.force_login(plant.dana)
    page = browser.get(reverse("namespaces:client_import", args=[plant.namespace.pk, run.pk])).content.decode()
    assert "data-drafted" in page
    change_set = requests.request_approval(plant.dana, change_set=draft, title=draft.title, reason="New line")
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    assert Client.objects.filter(name__startswith="new-", team=plant.line_a).count() == 3


def test_the_review_says_what_is_held_back_and_what_is_written(plant: Plant) -> None:
    make_client(
        plant.namespace, "own-1", team=plant.line_a, validation_scheme="ThumbprintMatch", thumbprints=["b" * 64]
    )
    namespace = get_namespace(plant.dana, plant.namespace.pk)
    rows = [{"name": "own-1", "validation_scheme": "SubjectMatchesAuthenticationName"}, {"name": "new-1"}]
    found = [FoundRow("clients.csv", at, values=values) for at, values in enumerate(rows, 1)]
    run = client_imports.keep_rows(plant.dana, namespace=namespace, team=plant.line_a, found=found, title="clients.csv")
    run.rows.update(is_chosen=True)
    browser, url = Browser(), reverse("namespaces:client_import", args=[plant.namespace.pk, run.pk])
    browser.force_login(plant.dana)
    assert 'data-held-back="1" data-written="1"' in browser.get(url).content.decode()
    client_imports.start_import(plant.dana, run=run, everything=False)
    client_imports.run_import(run.pk)
    assert (drafts_of(run).get().changes.get().name, Client.objects.filter(name="new-1").count()) == ("own-1", 1)


@pytest.mark.parametrize(
    ("needs", "held_back"),
    [([], 0), (["client_create"], 1), (["client_change"], 1), (["client_create", "client_change"], 2)],
)
def test_the_count_of_what_is_held_back_follows_the_policy(plant: Plant, needs: list[str], held_back: int) -> None:
    ControlPolicy.objects.update(needs=needs)
    make_client(plant.namespace, "own-1", team=plant.line_a)
    namespace = get_namespace(plant.dana, plant.namespace.pk)
    rows = [{"name": "own-1", "description": "other"}, {"name": "new-1"}]
    found = [FoundRow("clients.csv", at, values=values) for at, values in enumerate(rows, 1)]
    run = client_imports.keep_rows(plant.dana, namespace=namespace, team=plant.line_a, found=found)
    run.rows.update(is_chosen=True)
    assert review_of(run, namespace, QueryDict()).held_back == held_back


def test_a_large_import_becomes_several_drafts(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    ControlPolicy.objects.update(needs=["client_create"])
    monkeypatch.setattr("namespaces.actions.change_sets.import_drafts.MOST_CHANGES", 2)
    monkeypatch.setattr(client_imports, "BATCH", 3)
    run = import_clients(plant, *(f"new-{number}" for number in range(5)))
    assert [draft.changes.count() for draft in drafts_of(run).order_by("pk")] == [2, 2, 1]


def test_an_import_without_such_rows_is_written(plant: Plant) -> None:
    run = import_clients(plant, "new-1")
    assert (run.imported, ChangeSet.objects.count()) == (1, 0)


@pytest.fixture
def member(plant: Plant) -> User:
    user = make_user("mia")
    Membership.objects.create(team=plant.line_b, user=user)
    return user


def test_a_new_lead_of_a_team_with_clients_needs_approval(plant: Plant, member: User) -> None:
    admin = make_admin()
    with pytest.raises(NeedsApproval) as held:
        set_lead(admin, team=plant.line_b, person=member, is_lead=True)
    assert held.value.needs == (Need.POWERFUL_ROLE,)
    assert not Membership.objects.get(user=member).is_lead
    change_set = plant.request(admin, held.value)
    with pytest.raises(RuleError) as refusal:
        approve_now(admin, change_set)
    assert refusal.value.code == "own"
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    assert Membership.objects.get(user=member).is_lead


def test_a_lead_of_a_team_without_anything_here_needs_none(plant: Plant, member: User) -> None:
    ControlPolicy.objects.update(enabled=False)
    set_lead(make_admin(), team=plant.line_b, person=member, is_lead=True)
    assert Membership.objects.get(user=member).is_lead


def test_taking_the_lead_away_needs_none(plant: Plant) -> None:
    set_lead(make_admin(), team=plant.line_b, person=plant.lee, is_lead=False)
    assert not Membership.objects.get(user=plant.lee).is_lead

"""What a form does whose change needs approval: it saves nothing and leads to the request."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.models import CACertificate
from certificates.x509.reading import to_pem
from namespaces.actions.change_sets import emergency, requests
from namespaces.models import ChangeSet, Client, ControlPolicy
from portal.models import User
from portal.registry import role_book
from sync.models import Finding
from tests.namespaces.control.conftest import Plant
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_user

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def upload_form(plant: Plant, browser: Browser, **headers: str) -> Any:
    url = reverse("certificates:ca_certificate_upload", args=[plant.namespace.pk])
    team = {"team": plant.line_a.pk} if browser.session["_auth_user_id"] == str(plant.dana.pk) else {}
    return browser.post(url, {"name": "line-a-ca", "pem": to_pem(plant.certificate().der), **team}, headers=headers)


def test_the_upload_form_leads_to_the_request_and_back_to_nothing(plant: Plant) -> None:
    browser = signed_in(plant.dana)
    answer = upload_form(plant, browser)
    draft = ChangeSet.objects.get()
    url = reverse("namespaces:change_set_request", args=[plant.namespace.pk, draft.pk])
    assert (answer.status_code, answer.headers["Location"]) == (302, url)
    page = browser.get(url).content.decode()
    assert 'data-change="ca_certificate create"' in page
    assert "data-emergency" not in page  # for Owners
    browser.post(reverse("namespaces:change_set_discard", args=[plant.namespace.pk, draft.pk]))
    assert not ChangeSet.objects.exists()
    assert not CACertificate.objects.exists()


def test_htmx_is_led_there_too(plant: Plant) -> None:
    answer = upload_form(plant, signed_in(plant.dana), **{"hx-request": "true"})
    assert answer.headers["HX-Redirect"].endswith("/request/")


def test_title_and_reason_make_it_a_request(plant: Plant) -> None:
    browser = signed_in(plant.dana)
    url = upload_form(plant, browser).headers["Location"]
    missing = browser.post(url, {"title": "New CA", "reason": ""})
    assert missing.status_code == 422
    assert 'data-code="required"' in missing.content.decode()
    assert ChangeSet.objects.get().state == "draft"
    assert browser.post(url, {"title": "New CA", "reason": "The old one expires."}).status_code == 302
    assert ChangeSet.objects.get().state == "open"
    assert browser.get(url).status_code in {302, 404}


def test_a_draft_is_of_its_author_only(plant: Plant) -> None:
    url = upload_form(plant, signed_in(plant.dana)).headers["Location"]
    assert signed_in(plant.olga).get(url).status_code == 404


def test_changes_of_several_forms_are_added_to_one_request(plant: Plant) -> None:
    browser = signed_in(plant.dana)
    first = upload_form(plant, browser).headers["Location"]
    browser.post(first, {"title": "New CA", "reason": "The old one expires."})
    [open_one] = ChangeSet.objects.all()
    old = make_ca_certificate(plant.namespace, "old-ca", team=plant.line_a)
    url = reverse("certificates:ca_certificate_delete", args=[plant.namespace.pk, "old-ca"])
    second = browser.post(url, {"generation": old.edition, "typed_name": "old-ca"}).headers["Location"]
    browser.post(second, {"add_to": open_one.pk})
    [change_set] = ChangeSet.objects.all()
    assert [str(change) for change in change_set.changes.all()] == [
        "create ca_certificate line-a-ca",
        "delete ca_certificate old-ca",
    ]
    assert change_set.revision == 2


def test_a_namespace_in_which_no_one_could_approve_says_so(plant: Plant) -> None:
    plant.namespace.roles.filter(user=plant.olga).delete()
    plant.namespace.roles.filter(user=plant.lee).delete()
    browser = signed_in(plant.dana)
    assert "data-stuck" in browser.get(upload_form(plant, browser).headers["Location"]).content.decode()


def test_an_owner_applies_at_once_with_the_password(plant: Plant) -> None:
    plant.olga.set_password(PASSWORD)
    plant.olga.save()
    browser = signed_in(plant.olga)
    page = upload_form(plant, browser).headers["Location"]
    url = page.replace("/request/", "/emergency/")
    wrong = browser.post(url, {"emergency_reason": "The line stands still.", "password": "wrong"})
    assert wrong.status_code == 422
    assert ChangeSet.objects.get().state == "draft"
    answer = browser.post(url, {"emergency_reason": "The line stands still.", "password": PASSWORD})
    assert answer.status_code == 302
    change_set = ChangeSet.objects.get()
    assert (change_set.state, change_set.emergency_by) == ("approved", plant.olga)


def test_adopting_a_certificate_that_appeared_in_azure_is_requested(plant: Plant) -> None:
    there = make_ca_certificate(plant.namespace, "unknown-ca")
    resource = {"name": "unknown-ca", "properties": there.body()}
    there.delete()
    now = plant.namespace.connected_at
    finding = Finding.objects.create(
        kind="certificates.cacertificate",
        scope=plant.namespace.pk,
        name="unknown-ca",
        drift="appeared",
        resource=resource,
        found_at=now,
        seen_at=now,
    )
    url = reverse("sync:drift_resolve", args=[plant.namespace.pk])
    answer = signed_in(plant.olga).post(url, {"decision": "adopt", "finding": finding.as_shown})
    assert answer.headers["Location"].endswith("/request/")
    assert not CACertificate.objects.exists()
    assert ChangeSet.objects.get().needs == ["ca_adopt"]


def test_a_bulk_change_is_requested(plant: Plant) -> None:
    ControlPolicy.objects.update(needs=["client_change"])
    url = reverse("namespaces:clients_change", args=[plant.namespace.pk])
    rows = Client.objects.order_by("pk")
    seen = " ".join(row.edition for row in rows)
    sent = {"change": "disable", "client": [row.pk for row in rows], "generations": seen}
    answer = signed_in(plant.olga).post(url, sent)
    assert answer.headers["Location"].endswith("/request/")
    assert ChangeSet.objects.get().changes.count() == 2
    assert Client.objects.filter(state="Enabled").count() == 2


def test_owner_is_not_offered_outside_of_the_namespace(plant: Plant) -> None:

    keys = {choice.key for choice in role_book().choices()}
    assert f"{plant.namespace.pk}-contributor" in keys
    assert f"{plant.namespace.pk}-owner" not in keys


def test_giving_owner_on_the_page_of_roles_is_requested(plant: Plant) -> None:
    new = make_user("new", email="new@example.com")
    url = reverse("namespaces:role_add", args=[plant.namespace.pk])
    answer = signed_in(plant.olga).post(url, {"who": new.username, "role": "owner", "generation": "0"})
    assert answer.headers["Location"].endswith("/request/")
    assert not plant.namespace.roles.filter(user=new).exists()


def test_a_banner_stays_until_another_person_confirms(plant: Plant) -> None:
    draft = requests.keep_draft(plant.olga, plant.held(plant.olga, team=None))
    made = emergency.apply_at_once(plant.olga, change_set=draft, reason="The line stands still.", is_proven=True)
    mark, home = f'data-emergency-bar="{made.pk}"', reverse("namespaces:namespace_list")
    for person in (plant.olga, plant.rita, plant.dana, plant.lee):
        assert mark in signed_in(person).get(home).content.decode()
    assert mark not in signed_in(make_user("stranger")).get(home).content.decode()
    plant.namespace.hides_other_teams = True
    plant.namespace.save()
    assert mark not in signed_in(plant.lee).get(home).content.decode()
    emergency.confirm(plant.rita, change_set=made)
    assert mark not in signed_in(plant.olga).get(home).content.decode()

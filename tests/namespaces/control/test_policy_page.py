"""Owners read and change the policy; one click turns it on."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import ChangeSet, ControlPolicy, Namespace
from tests.namespaces.control.conftest import Plant
from tests.support.database.factories import make_namespace, make_user, owner_of

pytestmark = pytest.mark.django_db
WHOLE: dict[str, Any] = {"enabled": "on", "needs": ["ca_upload", "policy"], "approvals": "1", "by_owners": "on"}


def page_of(namespace: Namespace, user: Any = None) -> tuple[Browser, str]:
    browser = Browser()
    browser.force_login(user or owner_of(namespace))
    return browser, reverse("namespaces:control_policy", args=[namespace.pk])


def test_one_click_turns_it_on() -> None:
    namespace = make_namespace()
    browser, url = page_of(namespace)
    assert 'data-policy="off"' in browser.get(url).content.decode()
    browser.post(url, {"turn_on": "1"})
    rules = ControlPolicy.objects.get().rules
    assert rules.enabled
    assert "ca_upload" in rules.needs
    assert "client_create" not in rules.needs
    page = browser.get(reverse("namespaces:role_list", args=[namespace.pk])).content.decode()
    assert 'data-approval-policy="on"' in page


def test_the_only_owner_is_told_that_no_one_could_approve() -> None:
    browser, url = page_of(make_namespace())
    assert "data-stuck" in browser.get(url).content.decode()


def test_a_looser_policy_is_requested(plant: Plant) -> None:
    browser, url = page_of(plant.namespace, plant.olga)
    answer = browser.post(url, WHOLE)
    assert answer.headers["Location"].endswith("/request/")
    assert ChangeSet.objects.get().needs == ["policy"]
    assert "ca_delete" in ControlPolicy.objects.get().needs


def test_a_tighter_policy_is_saved(plant: Plant) -> None:
    browser, url = page_of(plant.namespace, plant.olga)
    every = [*ControlPolicy.objects.get().needs, "client_create"]
    tighter = {"needs": every, "approvals": "2", "edition": "1", "by_leads": "on", "emergency": "on"}
    answer = browser.post(url, WHOLE | tighter)
    assert answer.headers["Location"] == url
    assert (ControlPolicy.objects.get().approvals, ControlPolicy.objects.get().edition) == (2, 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"approvals": "0"}, "approvals"),
        ({"approvals": "6"}, "approvals"),
        ({"needs": ["anything"]}, "needs"),
        ({"by_owners": ""}, "by_owners"),
        ({"edition": "7"}, "__all__"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], field: str) -> None:
    browser, url = page_of(make_namespace())
    answer = browser.post(url, WHOLE | change)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not ControlPolicy.objects.exists()


def test_a_policy_that_could_never_be_loosened_again_is_refused(plant: Plant) -> None:
    browser, url = page_of(plant.namespace, plant.olga)
    tighter = WHOLE | {"needs": ControlPolicy.objects.get().needs, "by_leads": "on"}
    answer = browser.post(url, tighter | {"approvals": "2"})  # Rita alone could approve it: leads do not
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["emergency"])
    assert ControlPolicy.objects.get().edition == 1
    assert browser.post(url, tighter | {"approvals": "2", "emergency": "on"}).status_code == 302
    assert browser.post(url, tighter | {"approvals": "2"}).status_code == 422
    plant.namespace.roles.create(user=make_user("otto"), role="owner")
    assert browser.post(url, tighter | {"approvals": "2"}).status_code == 302

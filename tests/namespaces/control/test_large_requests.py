"""Requests with more changes than a page begins with: nothing dangerous is approved unseen."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.actions.change_sets.requests import add_to, keep_draft, remove_change
from namespaces.control.gate import NeedsApproval
from namespaces.control.kinds import Draft
from namespaces.models import ChangeSet
from namespaces.pages.control.shown_changes import MOST_SHOWN
from portal.models import User
from tests.namespaces.control.conftest import Plant

pytestmark = pytest.mark.django_db


def new_client(plant: Plant, name: str) -> Draft:
    values = {
        "name": name,
        "authentication_name": name,
        "validation_scheme": "SubjectMatchesAuthenticationName",
        "thumbprints": [],
        "state": "Enabled",
        "description": "",
        "attributes": {},
        "team": plant.line_a.pk,
    }
    return Draft("client", "create", name, team=plant.line_a, values=values)


def large_request(plant: Plant, *last: NeedsApproval) -> ChangeSet:
    """Request fifty clients, and then what was held back."""
    drafts = [new_client(plant, f"new-{number}") for number in range(MOST_SHOWN)]
    whole = NeedsApproval(plant.namespace.pk, last[0].needs, [*drafts, *(each.drafts[0] for each in last)])
    return plant.request(held=whole)


def page(user: User, change_set: ChangeSet, name: str = "detail", **query: str) -> str:
    browser = Browser()
    browser.force_login(user)
    url = reverse(f"namespaces:change_set_{name}", args=[change_set.namespace_id, change_set.pk])
    return browser.get(url, query).content.decode()


def approve(user: User, change_set: ChangeSet, text: str) -> Any:
    """Post an approval with what a page showed."""
    browser = Browser()
    browser.force_login(user)
    shown = re.search(r'name="shown" value="([^"]*)"', text)
    assert shown is not None
    url = reverse("namespaces:change_set_approve", args=[change_set.namespace_id, change_set.pk])
    return browser.post(url, {"shown": shown[1]})


def test_the_last_change_is_neither_hidden_nor_approved_unseen(plant: Plant) -> None:
    made = large_request(plant, plant.held())
    first = page(plant.lee, made)
    assert re.findall(r'data-change="([^"]+)"', first)[0] == "ca_certificate create"
    assert ('data-more="1"' in first, "data-show-all" in first) == (True, True)
    assert reverse("namespaces:change_set_approve", args=[plant.namespace.pk, made.pk]) not in first
    assert approve(plant.lee, made, first).status_code == 409
    assert not made.approvals.exists()
    assert "data-emergency>" not in page(plant.olga, made)
    whole = page(plant.lee, made, changes="all")
    assert len(re.findall('data-change="', whole)) == MOST_SHOWN + 1
    assert approve(plant.lee, made, whole).status_code == 302
    assert made.approvals.get().user == plant.lee
    assert "data-emergency>" in page(plant.olga, large_request(plant, plant.held(name="other")), changes="all")


def test_each_ca_certificate_has_its_blast_radius(plant: Plant) -> None:
    first, second = plant.held(), plant.held(name="line-a-other")
    made = plant.request(held=NeedsApproval.of_all([first, second]))
    text = page(plant.lee, made)
    assert (text.count('data-reach="1"'), text.count("data-doctor=")) == (2, 2)


def test_every_change_can_be_taken_out_and_others_added_after(plant: Plant) -> None:
    made = large_request(plant, plant.held())
    text = page(plant.dana, made, "edit")
    assert len(re.findall('name="position"', text)) == MOST_SHOWN + 1
    remove_change(plant.dana, change_set=made, position=1)
    add_to(plant.dana, draft=keep_draft(plant.dana, plant.held(name="line-a-other")), change_set=made)
    assert made.changes.last().position == MOST_SHOWN + 2  # type: ignore[union-attr]


def test_a_long_value_is_on_the_page_whole(plant: Plant) -> None:
    draft = new_client(plant, "long")
    draft.values["attributes"] = {"places": [f"place-{number:03}" for number in range(100)]}  # type: ignore[index]
    text = page(
        plant.lee,
        plant.request(held=NeedsApproval(plant.namespace.pk, plant.held().needs, [draft, *plant.held().drafts])),
    )
    assert "data-long" in text
    assert "place-099" in text

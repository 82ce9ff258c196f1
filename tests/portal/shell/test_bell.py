"""The bell: what is news to whom, and what it reads."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Namespace
from portal.models import Activity, User
from tests.support.database.factories import PASSWORD, make_namespace, make_user
from tests.support.database.query_plans import plans_of

pytestmark = pytest.mark.django_db


def change(namespace: Namespace, actor: User | None, outcome: str = "succeeded", **more: Any) -> Activity:
    return Activity.objects.create(
        at=timezone.now(),
        actor=actor,
        actor_name=actor.display_name if actor else "Portal",
        verb="Create client",
        scope=namespace.pk,
        kind="namespaces.client",
        object_name="press-1",
        outcome=outcome,
        **more,
    )


def unread(browser: Browser) -> str:
    badge = re.search(r'class="badge">([^<]*)', browser.get(reverse("portal:bell")).content.decode())
    return badge[1] if badge else ""


def test_the_bell_counts_what_others_changed_and_what_failed(browser: Browser, namespace: Namespace, ada: User) -> None:
    ada.activity_seen_at = timezone.now() - timedelta(minutes=1)
    ada.save()
    change(namespace, ada)
    change(namespace, None)
    assert unread(browser) == ""
    change(namespace, make_user("bob"))
    change(namespace, ada, "failed", settled_at=timezone.now())
    change(make_namespace("hidden"), make_user("eve"))
    assert unread(browser) == "2"
    page = browser.get(reverse("portal:notifications")).content.decode()
    until = re.search(r'name="until" value="([^"]+)"', page)
    assert until
    change(namespace, User.objects.get(username="bob"))
    browser.post(reverse("portal:notifications_seen"), {"until": until[1]})
    assert unread(browser) == "1", "what came in while the list was open stays unread"


def test_what_others_did_before_the_first_sign_in_is_no_news(client: Browser, namespace: Namespace) -> None:
    bob = make_user("bob")
    User.objects.filter(username="ada").update(activity_seen_at=timezone.now() - timedelta(days=1))
    change(namespace, bob)
    client.post(reverse("portal:sign_in"), {"username": "ada", "password": PASSWORD})
    assert unread(client) == ""
    change(namespace, bob)
    client.post(reverse("portal:sign_out"))
    client.post(reverse("portal:sign_in"), {"username": "ada", "password": PASSWORD})
    assert unread(client) == "1", "what happened since is news also at the second time"


def test_what_others_did_before_one_had_access_is_no_news(browser: Browser, namespace: Namespace, ada: User) -> None:
    bob = make_user("bob")
    other = make_namespace("plant", owner=bob)
    User.objects.filter(username="ada").update(activity_seen_at=timezone.now() - timedelta(minutes=1))
    change(other, bob)
    change(namespace, bob)
    assert unread(browser) == "1"
    owner = Browser()
    owner.force_login(bob)
    owner.post(reverse("namespaces:role_add", args=[other.pk]), {"who": "ada", "role": "reader", "generation": "0"})
    assert unread(browser) == "2", "the role itself is news"
    page = browser.get(reverse("portal:notifications")).content.decode()
    assert "<strong>Grant role</strong> Ada Lovelace (ada): Reader" in page, "it says to whom"
    change(other, bob)
    assert unread(browser) == "3"


def test_the_bell_reads_what_is_new_and_not_the_whole_log(browser: Browser, namespace: Namespace) -> None:
    with CaptureQueriesContext(connection) as asked:
        unread(browser)
    steps = plans_of(asked, "portal_activity")
    assert len(steps) == 2
    assert all("at>?" in step for step in steps)


def test_the_bell_of_one_who_signed_out_stops_asking(client: Browser) -> None:
    assert client.get(reverse("portal:bell"), headers={"HX-Request": "true"}).status_code == 286

"""The pages of webhooks: keys shown once, rotation, tests and history, for those who own the events."""

import json
import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from namespaces.models import Namespace
from portal.models import Activity, User, Webhook, WebhookDelivery
from portal.notifications.webhooks.deliveries import deliver_due
from tests.portal.notifications.receiver import Receiver
from tests.portal.notifications.webhook_rows import make, states, tell
from tests.support.database.factories import make_namespace

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(admin: User) -> Browser:
    browser = Browser()
    browser.force_login(admin)
    return browser


def key_in(answer: Any) -> str:
    found = re.search(r"data-signing-key>([^<]+)<", answer.content.decode())
    assert found
    assert "no-store" in answer.headers["Cache-Control"]
    return found[1]


def test_the_key_is_shown_once_and_kept_encrypted(browser: Browser, target: Receiver) -> None:
    form = {"name": "Chat", "url": f"{target.url}?token=hidden", "events": ["ca_expiry", "unknown_ca"]}
    key = key_in(browser.post(reverse("portal:webhook_create"), form))
    webhook = Webhook.objects.get()
    assert key not in webhook.signing_key
    for name in ("webhook_detail", "webhook_update", "webhook_rotate"):
        assert key not in browser.get(reverse(f"portal:{name}", args=[webhook.pk])).content.decode()
    entry = Activity.objects.get(verb="Create webhook")
    assert "hidden" not in json.dumps(entry.after)
    assert key not in json.dumps(entry.after)


def test_after_a_rotation_both_keys_verify_for_a_day(
    browser: Browser, target: Receiver, admin: User, namespace: Namespace
) -> None:
    webhook, old = make(admin, target.url)
    new = key_in(browser.post(reverse("portal:webhook_rotate", args=[webhook.pk])))
    tell(namespace)
    deliver_due()
    headers, body = target.got[-1]
    for key in (old, new):
        Verifier(key).verify(body, headers)
    Webhook.objects.update(former_key_until=timezone.now())
    tell(namespace)
    deliver_due()
    headers, body = target.got[-1]
    Verifier(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(old).verify(body, headers)


def test_the_test_button_sends_and_the_history_shows_it(browser: Browser, target: Receiver, admin: User) -> None:
    webhook, key = make(admin, target.url)
    target.status = 500
    browser.post(reverse("portal:webhook_test", args=[webhook.pk]))
    deliver_due()
    page = browser.get(reverse("portal:webhook_detail", args=[webhook.pk])).content.decode()
    assert 'data-state="waiting"' in page
    assert "HTTP 500" in page
    target.status = 200
    delivery = WebhookDelivery.objects.get()
    browser.post(reverse("portal:delivery_retry", args=[webhook.pk, delivery.pk]))
    deliver_due()
    assert Verifier(key).verify(target.got[-1][1], target.got[-1][0])["type"] == "test"
    assert len(set(target.ids)) == 1
    assert states() == [("sent", "")]


def test_owners_manage_the_webhooks_of_their_namespaces_only(
    target: Receiver, admin: User, namespace: Namespace
) -> None:
    olga = Browser()
    olga.force_login(User.objects.get(username="olga"))
    other = make_namespace("other")
    of_all, _ = make(admin, target.url)
    foreign, _ = make(admin, target.url, scope=other.pk)
    form = {"name": "Mine", "url": target.url, "events": "ca_expiry"}
    for scope in ("", str(other.pk)):
        answer = olga.post(reverse("portal:webhook_create"), {**form, "scope": scope})
        assert answer.status_code == 422
        assert 'id="id_scope_error"' in answer.content.decode()
    assert olga.post(reverse("portal:webhook_create"), {**form, "scope": str(namespace.pk)}).status_code == 200
    for row in (of_all, foreign):
        assert olga.get(reverse("portal:webhook_detail", args=[row.pk])).status_code == 404
        assert olga.post(reverse("portal:webhook_delete", args=[row.pk])).status_code == 404
    assert "Mine" in olga.get(reverse("portal:webhook_list")).content.decode()
    assert "Chat" not in olga.get(reverse("portal:webhook_list")).content.decode()


def test_the_menu_shows_them_to_those_who_manage_them(browser: Browser, namespace: Namespace) -> None:
    links = {name: f'href="{reverse(f"portal:{name}")}"' for name in ("webhook_list", "outbox_list")}
    of_admin = browser.get(reverse("portal:webhook_list")).content.decode()
    assert all(link in of_admin for link in links.values())
    olga = Browser()
    olga.force_login(User.objects.get(username="olga"))
    of_owner = olga.get(reverse("portal:webhook_list")).content.decode()
    assert links["webhook_list"] in of_owner
    assert links["outbox_list"] not in of_owner

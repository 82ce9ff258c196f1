"""Webhooks: signed, retried with the same id, never to private addresses, managed by those who own the events."""

import json
import socket
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from namespaces.models import Namespace, NamespaceRole
from portal.models import User, Webhook, WebhookAttempt, WebhookDelivery
from portal.notifications.webhooks.deliveries import DELIVERIES, deliver_due
from portal.notifications.webhooks.targets import TargetError, check_target
from tests.portal.notifications.receiver import Receiver
from tests.portal.notifications.webhook_rows import make, now_due, states, tell
from tests.support.database.factories import make_namespace

pytestmark = pytest.mark.django_db
PUBLIC = "93.184.216.34"


# Delivery


def test_an_event_arrives_signed(settings: Any, target: Receiver, admin: User, namespace: Namespace) -> None:
    settings.PUBLIC_URL = "https://portal.example.com"
    _, key = make(admin, target.url)
    tell(namespace)
    tell(namespace, "drift_found")
    deliver_due()
    assert len(target.got) == 1, "only events that were chosen"
    headers, body = target.got[0]
    message = Verifier(key).verify(body, headers)
    assert message["type"] == "ca_expiry"
    assert message["data"]["namespace"] == "factory"
    assert message["data"]["url"] == "https://portal.example.com/namespaces/1/"
    with pytest.raises(WebhookVerificationError):
        Verifier(key).verify(body.replace(b"7", b"8"), headers)
    assert states() == [("sent", "")]


@pytest.mark.parametrize(
    ("status", "code"), [(500, "status"), (404, "status"), (429, "status"), (301, "redirected"), (307, "redirected")]
)
def test_a_refused_message_is_sent_again_with_the_same_id(
    target: Receiver, admin: User, namespace: Namespace, status: int, code: str
) -> None:
    make(admin, target.url)
    target.status, target.headers = status, {"Location": "https://localhost/elsewhere"}
    tell(namespace)
    deliver_due()
    assert states() == [("waiting", code)]
    deliver_due()
    assert len(target.got) == 1, "not before its time"
    target.status = 200
    now_due()
    deliver_due()
    assert states() == [("sent", "")]
    assert len(target.got) == 2, "the redirect was not followed"
    assert len(set(target.ids)) == 1
    assert target.got[0][1] == target.got[1][1]
    assert list(WebhookAttempt.objects.order_by("pk").values_list("status", flat=True)) == [status, 200]


def test_gone_stops_the_webhook(target: Receiver, admin: User, namespace: Namespace) -> None:
    webhook, _ = make(admin, target.url)
    target.status = 410
    tell(namespace)
    deliver_due()
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.stopped_code) == (False, "gone")
    tell(namespace)
    assert states() == [("failed", "gone")]


def test_a_slow_receiver_makes_the_message_unknown(
    settings: Any, target: Receiver, admin: User, namespace: Namespace
) -> None:
    settings.WEBHOOK_SECONDS = 0.2
    make(admin, target.url)
    target.holds.set()
    tell(namespace)
    deliver_due()
    assert states() == [("unknown", "read_timeout")]
    target.holds.clear()
    settings.WEBHOOK_SECONDS = 10
    now_due()
    deliver_due()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.lost_answers) == ("sent", 1)
    assert len(set(target.ids)) == 1


def test_an_answer_that_never_ends_holds_up_no_worker(
    settings: Any, monkeypatch: pytest.MonkeyPatch, target: Receiver, admin: User, namespace: Namespace
) -> None:
    settings.WEBHOOK_SECONDS = 0.3
    monkeypatch.setattr("portal.notifications.webhooks.deliveries.CONNECT_SECONDS", 0.0)
    make(admin, target.url)
    target.drips = True
    tell(namespace)
    deliver_due()
    assert WebhookAttempt.objects.get().milliseconds < 5000, "its status is all that counts"


def test_an_answer_that_is_cut_off_makes_the_message_unknown(
    target: Receiver, admin: User, namespace: Namespace
) -> None:
    make(admin, target.url)
    target.drops = True
    tell(namespace)
    deliver_due()
    assert states() == [("unknown", "unreachable")]


def test_a_certificate_that_is_not_trusted_gets_nothing(
    settings: Any, target: Receiver, admin: User, namespace: Namespace
) -> None:
    settings.WEBHOOK_CA = ""
    make(admin, target.url)
    tell(namespace)
    deliver_due()
    assert states() == [("waiting", "tls")]
    assert not target.got


def test_a_receiver_that_is_away_delays_only_its_own(
    settings: Any, target: Receiver, admin: User, namespace: Namespace
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        make(admin, f"https://localhost:{closed.getsockname()[1]}/", name="Away")
        make(admin, target.url)
        tell(namespace)
        tell(namespace)
        deliver_due()
    found = sorted(WebhookDelivery.objects.values_list("webhook__name", "state", "attempts"))
    assert found == [("Away", "waiting", 0), ("Away", "waiting", 1), ("Chat", "sent", 1), ("Chat", "sent", 1)]
    assert WebhookDelivery.objects.filter(lost_answers__gt=0).count() == 0


def test_a_worker_killed_in_between_repeats_only_after_the_hand_over(
    target: Receiver, admin: User, namespace: Namespace
) -> None:
    make(admin, target.url)
    tell(namespace)
    delivery = DELIVERIES.claim(timezone.now())
    assert delivery is not None
    deliver_due()
    assert not target.got, "the claim still holds"
    WebhookDelivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    deliver_due()
    assert states() == [("sent", "")]
    assert WebhookDelivery.objects.get().lost_answers == 0


@pytest.mark.parametrize("loss", ["disabled", "no administrator", "switched off"])
def test_nothing_is_sent_without_the_right_to_it(
    target: Receiver, admin: User, namespace: Namespace, loss: str
) -> None:
    make(admin, target.url)
    tell(namespace)
    if loss == "switched off":
        Webhook.objects.update(is_active=False)
    else:
        User.objects.filter(pk=admin.pk).update(is_active=loss != "disabled", is_superuser=loss != "no administrator")
    deliver_due()
    assert [state for state, _ in states()] == ["cancelled"]
    assert not target.got


def test_an_owner_gets_the_events_of_the_own_namespace_only(target: Receiver, namespace: Namespace) -> None:
    olga, other = User.objects.get(username="olga"), make_namespace("other")
    make(olga, target.url, scope=namespace.pk)
    tell(other)
    tell(namespace)
    deliver_due()
    assert [json.loads(body)["data"]["namespace"] for _, body in target.got] == ["factory"]
    tell(namespace)
    NamespaceRole.objects.all().delete()
    deliver_due()
    assert len(target.got) == 1


def test_collected_events_are_one_message(target: Receiver, admin: User, namespace: Namespace) -> None:
    make(admin, target.url, events=["sync_rejected"])
    for _ in range(3):
        tell(namespace, "sync_rejected", group="x", summary="Azure rejected {count} changes")
    now_due()
    deliver_due()
    assert [json.loads(body)["data"]["count"] for _, body in target.got] == [3]


# Addresses


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://localhost/", "private_address"),
        ("https://127.0.0.1/", "private_address"),
        ("https://127.1/", "private_address"),
        ("https://2130706433/", "private_address"),
        ("https://0.0.0.0/", "private_address"),
        ("https://[::1]/", "private_address"),
        ("https://[::ffff:10.0.0.1]/", "private_address"),
        ("https://[64:ff9b::7f00:1]/", "private_address"),
        ("https://[fe80::1]/", "private_address"),
        ("https://10.1.2.3:8443/", "private_address"),
        ("https://192.168.0.1/", "private_address"),
        ("https://172.16.0.1/", "private_address"),
        ("https://169.254.169.254/latest/meta-data/", "private_address"),
        ("https://100.64.0.1/", "private_address"),
        ("http://93.184.216.34/", "not_https"),
        ("ftp://93.184.216.34/", "not_https"),
        ("file:///etc/passwd", "malformed"),
        ("https://", "malformed"),
        ("https://exa mple.com/", "malformed"),
        ("https://93.184.216.34\\@127.0.0.1/", "malformed"),
        ("https://93.184.216.34/\r\nX: y", "malformed"),
        ("https://user:secret@93.184.216.34/", "credentials"),
        ("https://93.184.216.34:99999/", "malformed"),
        ("https://does-not-exist.invalid/", "unknown_host"),
        ("https://" + "a" * 500, "malformed"),
    ],
)
def test_no_webhook_has_such_an_address(url: str, code: str) -> None:
    with pytest.raises(TargetError) as refused:
        check_target(url)
    assert refused.value.code == code


@pytest.mark.parametrize("when", ["create", "update", "deliver"])
def test_private_addresses_are_refused_whenever_they_come_up(
    settings: Any, target: Receiver, admin: User, namespace: Namespace, when: str
) -> None:
    browser = Browser()
    browser.force_login(admin)
    form = {"name": "Chat", "url": target.url, "events": "ca_expiry"}
    webhook, _ = make(admin, target.url)
    settings.WEBHOOK_HOSTS = []
    if when == "deliver":
        tell(namespace)
        deliver_due()
        assert states() == [("waiting", "private_address")]
    else:
        url = (
            reverse("portal:webhook_create")
            if when == "create"
            else reverse("portal:webhook_update", args=[webhook.pk])
        )
        answer = browser.post(url, form)
        assert answer.status_code == 422
        assert 'data-code="private_address"' in answer.content.decode()
        assert 'value="Chat"' in answer.content.decode(), "other input is kept"
        assert Webhook.objects.count() == 1
    assert not target.got


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(
    monkeypatch: pytest.MonkeyPatch, settings: Any, target: Receiver, admin: User, namespace: Namespace
) -> None:
    """DNS rebinding: each look-up answers something else, and the connection goes to the address that was checked."""
    settings.WEBHOOK_HOSTS = []
    answers = [PUBLIC, PUBLIC, "127.0.0.1"]
    real = socket.getaddrinfo

    def changing(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        return real(answers.pop(0) if host == "rebind.example" else host, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    make(admin, f"https://rebind.example:{target.port}/")
    tell(namespace)
    deliver_due()
    assert not answers, "asked when entered, at the check and for the connection"
    assert states() == [("waiting", "private_address")]
    assert not target.got


def test_a_suffix_allows_the_hosts_below_it(settings: Any) -> None:
    settings.WEBHOOK_HOSTS = [".plant.internal"]
    check_target("http://hooks.plant.internal/x")
    for url in ("http://plant.internal.evil.example/", "http://notplant.internal/"):
        with pytest.raises(TargetError):
            check_target(url)

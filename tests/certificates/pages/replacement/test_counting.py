"""The replacement of a CA certificate: its start, and for which clients the old one is safe to remove."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.models import CACertificate
from namespaces.models import Client, IssuerAlarm, Namespace
from portal.models import Activity, NoticeRecipient
from tests.certificates.pages.replacement.conftest import (
    NEW,
    NOW,
    OLD,
    OTHER,
    page,
    places,
    post,
    started,
    step,
    verdict,
)
from tests.namespaces.connections.device_log import Log
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_client, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db


def test_the_upload_leads_back_to_the_replacement(client: Browser, namespace: Namespace) -> None:
    text = page(client)
    upload = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    assert (step(text), f"{upload}?replaces=old" in text) == ("upload", True)
    assert 'data-replaces="old"' in client.get(upload, {"replaces": "old"}).content.decode()
    answer = client.post(upload, {"name": "new", "pem": NEW.pem.decode(), "replaces": "old"})
    assert answer.headers["Location"].endswith("/ca-certificates/old/replace/?by=new")
    text = page(client, by="new")
    assert (step(text), '<option value="new" selected>' in text) == ("start", True)


def test_the_list_refreshes_itself(client: Browser, namespace: Namespace, log: Log) -> None:
    started(client, namespace)
    url = reverse("certificates:ca_certificate_replace", args=[namespace.pk, "old"])
    assert f'hx-get="{url}?show=unknown"' in page(client, show="unknown")
    log.connect(NEW)
    part = client.get(
        url, {"show": "unknown"}, headers={"HX-Request": "true", "HX-Trigger": "rollover"}
    ).content.decode()
    assert part.strip().startswith('<div id="rollover"')
    assert places(part) == {"unknown": 1, "moved": 1}


def test_the_start_is_announced_and_recorded(client: Browser, namespace: Namespace, log: Log) -> None:
    line = make_team("Line 1", make_user("lea"))
    namespace.roles.create(team=line, role="reader")
    Client.objects.filter(name="press-1").update(team=line)
    owner = owner_of(namespace)
    log.connect(OLD)
    started(client, namespace)
    told = set(NoticeRecipient.objects.filter(notice__event="ca_rollover").values_list("user__username", flat=True))
    assert told == {"lea", owner.username}
    assert Activity.objects.filter(verb="Start replacement", object_name="old", actor__username="ada").exists()
    assert step(page(client)) == "move"


def test_it_waits_until_azure_has_the_new_one(client: Browser, namespace: Namespace) -> None:
    started(client, namespace, synced_generation=0)
    assert step(page(client)) == "trust"


def test_clients_are_counted_where_their_last_connection_was(client: Browser, namespace: Namespace, log: Log) -> None:
    make_client(namespace, "mill-1")
    make_client(namespace, "asleep", state="Disabled")
    make_client(namespace, "registered", validation_scheme="ThumbprintMatch", thumbprints=["ab" * 32])
    make_ca_certificate(namespace, "other", der=OTHER.der)
    started(client, namespace)
    assert (step(page(client)), places(page(client))) == ("move", {"unknown": 3})
    log.connect(OLD)
    log.connect(OTHER, name="mill-1")
    text = page(client)
    assert (verdict(text), places(text)) == ("waiting", {"waiting": 1, "unknown": 1, "other": 1})
    log.connect(NEW)
    log.connect(NEW, name="press-2")
    text = page(client)
    assert (step(text), verdict(text), places(text)) == ("delete", "safe", {"moved": 2, "other": 1})
    assert 'class="button danger"' in text
    assert not IssuerAlarm.objects.exists()
    log.connect(OLD, name="press-2")
    assert (step(page(client)), verdict(page(client))) == ("move", "waiting")


def test_a_connection_that_raised_an_alarm_shows_nothing(client: Browser, namespace: Namespace, log: Log) -> None:
    make_ca_certificate(namespace, "other", der=OTHER.der)
    started(client, namespace)
    log.connect(OLD)
    log.connect(OTHER)  # another device's, perhaps
    log.connect(NEW, name="press-2")
    assert (verdict(page(client)), places(page(client))) == ("unknown", {"unknown": 1, "moved": 1})
    client.post(
        reverse("namespaces:client_issuer_alarm", args=[namespace.pk, "press-1", IssuerAlarm.objects.get().pk]),
        {"decision": "expected"},
    )
    assert places(page(client)) == {"other": 1, "moved": 1}


def test_a_connection_before_the_new_one_was_trusted_does_not_count(
    client: Browser, namespace: Namespace, log: Log
) -> None:
    for name in ("press-1", "press-2"):
        log.connect(NEW, name=name)
    new = make_ca_certificate(namespace, "new", der=NEW.der)
    CACertificate.objects.filter(pk=new.pk).update(added_at=NOW + timedelta(days=1))
    post(client, "start", successor="new")
    assert (verdict(page(client)), places(page(client))) == ("unknown", {"unknown": 2})


def test_without_a_log_nothing_is_safe_until_it_is_confirmed(
    client: Browser, namespace: Namespace, log: Log, settings: Any
) -> None:
    started(client, namespace)
    for name in ("press-1", "press-2"):
        log.connect(NEW, name=name)
    settings.CONNECTION_LOG_GATEWAY = ""
    text = page(client)
    assert (verdict(text), places(text), 'data-code="no-log"' in text) == ("unknown", {"unknown": 2}, True)
    post(client, "confirm", client=list(Client.objects.values_list("pk", flat=True)))
    text = page(client)
    assert (step(text), verdict(text), places(text)) == ("delete", "safe", {"confirmed": 2})
    assert Activity.objects.filter(verb="Confirm for replacement", actor__username="ada").count() == 2


@pytest.mark.parametrize(
    "silence", [{"connections_error": "It failed."}, {"connections_read_at": NOW - timedelta(hours=1)}]
)
def test_a_log_that_is_silent_makes_nothing_safe(
    client: Browser, namespace: Namespace, log: Log, silence: dict[str, Any]
) -> None:
    started(client, namespace)
    for name in ("press-1", "press-2"):
        log.connect(NEW, name=name)
    assert verdict(page(client)) == "safe"
    Namespace.objects.update(**silence)
    text = page(client)
    assert (step(text), verdict(text), 'data-code="log-silent"' in text) == ("move", "unknown", True)


def test_a_successor_that_has_expired_meanwhile_makes_nothing_safe(
    client: Browser, namespace: Namespace, log: Log
) -> None:
    started(client, namespace)
    for name in ("press-1", "press-2"):
        log.connect(NEW, name=name)
    CACertificate.objects.filter(name="new").update(not_after=NOW - timedelta(days=1))
    text = page(client)
    assert (verdict(text), 'data-code="not-valid"' in text) == ("unknown", True)


def test_a_confirmed_client_that_comes_with_the_old_one_is_waiting_again(
    client: Browser, namespace: Namespace, log: Log
) -> None:
    started(client, namespace)
    log.connect(NEW)
    post(client, "confirm", client=[Client.objects.get(name="press-2").pk])
    assert verdict(page(client)) == "safe"
    log.connect(OLD, name="press-2")
    assert (verdict(page(client)), places(page(client))) == ("waiting", {"waiting": 1, "moved": 1})


def test_only_those_who_may_change_a_client_confirm_it(client: Browser, namespace: Namespace) -> None:
    started(client, namespace)
    line = make_team("Line 1", make_user("lea"))
    namespace.roles.create(team=line, role="client_manager")
    Client.objects.filter(name="press-1").update(team=line)
    client.login(username="lea", password=PASSWORD)
    assert len(re.findall(r'type="checkbox"', page(client))) == 1
    post(client, "confirm", client=list(Client.objects.values_list("pk", flat=True)))
    assert places(page(client)) == {"unknown": 1, "confirmed": 1}
    client.login(username="rea", password=PASSWORD)
    assert post(client, "confirm", client=[Client.objects.get(name="press-2").pk]) == 403

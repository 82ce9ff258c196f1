"""The replacement of a CA certificate: what may take over, the end of it, reminders, and who sees what."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.actions.ca_certificates import delete_ca_certificate, upload_ca_certificate
from certificates.actions.rollovers import remind_by_clock, start_rollover
from certificates.models import CACertificate, CARollover
from certificates.x509.reading import load_certificate
from namespaces.models import Client, IssuerAlarm, Namespace
from portal.models import Notice
from tests.certificates.pages.replacement.conftest import (
    NEW,
    NOW,
    OLD,
    OTHER,
    RENEWED,
    page,
    places,
    post,
    started,
    step,
    verdict,
)
from tests.namespaces.connections.device_log import Log
from tests.support.certificates.chains import authority, key_identifier
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_team, owner_of

pytestmark = pytest.mark.django_db


def test_the_same_subject_and_key_take_over_at_once(client: Browser, namespace: Namespace, log: Log) -> None:
    for name in ("press-1", "press-2"):
        log.connect(OLD, name=name)
    make_ca_certificate(namespace, "renewed", der=RENEWED.der)
    text = page(client)
    assert (step(text), "data-takes-over" in text) == ("start", True)
    post(client, "start", successor="renewed")
    assert (step(page(client)), places(page(client))) == ("delete", {"moved": 2})


def test_a_client_whose_certificate_names_the_old_one_keeps_it(client: Browser, namespace: Namespace, log: Log) -> None:
    """Its authority key identifier is the old one's, and the renewed one states another for the same key."""
    identifier = bytes.fromhex(key_identifier(OLD))
    renewed = authority("Old CA", at=NOW + timedelta(days=20), swap=(identifier, b"\xab" * 20))
    log.connect(OLD, name="press-1")
    log.connect(OLD, name="press-2", leaf={"aki": None})
    make_ca_certificate(namespace, "renewed", der=renewed.der)
    post(client, "start", successor="renewed")
    assert (verdict(page(client)), places(page(client))) == ("waiting", {"waiting": 1, "moved": 1})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"successor": ""}, "no-successor"),
        ({"successor": "old"}, "no-successor"),
        ({"successor": "expired"}, "expired"),
        ({"successor": "early"}, "not-yet-valid"),
        ({"successor": "renamed"}, "same-key-other-subject"),
        ({"successor": "circle"}, "circle"),
    ],
)
def test_what_cannot_take_over_is_refused(
    client: Browser, namespace: Namespace, fields: dict[str, str], code: str
) -> None:
    past = authority("Past CA", at=NOW - timedelta(days=9000))
    make_ca_certificate(namespace, "expired", der=past.der)
    make_ca_certificate(namespace, "early", der=authority("Early CA", at=NOW + timedelta(days=90)).der)
    make_ca_certificate(namespace, "renamed", der=authority("Renamed CA", at=NOW, key_label="Old CA").der)
    circle = make_ca_certificate(namespace, "circle", der=NEW.der)
    start_rollover(owner_of(namespace), old=circle, successor=CACertificate.objects.get(name="old"))
    url = reverse("certificates:ca_certificate_replace_start", args=[namespace.pk, "old"])
    answer = client.post(url, fields, follow=True)
    assert [message.extra_tags for message in answer.context["messages"]] == [code]
    assert CARollover.objects.count() == 1


def test_a_full_namespace_says_so_first(client: Browser, namespace: Namespace, log: Log, settings: Any) -> None:
    settings.MAX_CA_CERTIFICATES = 2
    make_ca_certificate(namespace, "other", der=OTHER.der)
    log.connect(OLD)
    text = page(client)
    assert 'data-problem="full"' in text
    assert re.findall(r'data-slot="(\w+)"', text) == ["other", "old"]  # the one without clients first


def test_cancelled_it_is_an_alarm_again(client: Browser, namespace: Namespace, log: Log) -> None:
    started(client, namespace)
    log.connect(OLD, name="press-1")
    log.connect(OLD, name="press-2")
    log.connect(NEW, name="press-1")
    post(client, "cancel")
    assert step(page(client)) == "upload"
    log.connect(NEW, name="press-2")
    assert list(IssuerAlarm.objects.values_list("client__name", flat=True)) == ["press-2"]


@pytest.mark.parametrize("has_team", [True, False])
def test_nobody_silences_the_alarms_of_another_team_or_of_none(
    client: Browser, namespace: Namespace, log: Log, has_team: bool
) -> None:
    Client.objects.filter(name="press-1").update(team=make_team("Line 1") if has_team else None)
    for issuer in (OLD, NEW):
        if issuer is NEW:
            started(client, namespace)
        for name in ("press-1", "press-2"):
            log.connect(issuer, name=name)
    assert list(IssuerAlarm.objects.values_list("client__name", flat=True)) == ["press-1"]
    assert places(page(client)) == {"unknown": 1, "moved": 1}


def test_an_intermediate_below_the_replaced_root_changes_quietly(
    namespace: Namespace, log: Log, client: Browser
) -> None:
    cell, new_cell = (each.issue("Cell CA", ca=True, key_label=each.name) for each in (OLD, NEW))
    started(client, namespace)
    log.connect(cell, chain=(cell.der,))
    log.connect(new_cell, chain=(new_cell.der,))
    assert not IssuerAlarm.objects.exists()


def test_teams_are_reminded_by_hand_once_a_day_and_by_the_clock_once_a_week(
    client: Browser, namespace: Namespace, log: Log
) -> None:
    rollover = started(client, namespace)
    before = Notice.objects.count()
    post(client, "remind")
    assert Notice.objects.count() == before
    CARollover.objects.update(reminded_at=NOW - timedelta(days=2))
    remind_by_clock(NOW)
    assert Notice.objects.count() == before
    post(client, "remind")
    assert Notice.objects.count() == before + 1
    for at in (NOW + timedelta(days=8), NOW + timedelta(days=8)):
        remind_by_clock(at)
    assert Notice.objects.count() == before + 2
    for name in ("press-1", "press-2"):
        log.connect(NEW, name=name)
    remind_by_clock(NOW + timedelta(days=16))
    assert Notice.objects.count() == before + 2
    assert rollover.old_name == "old"


def test_it_is_undone_from_the_page_of_the_successor(client: Browser, namespace: Namespace) -> None:
    rollover = started(client, namespace)
    old = CACertificate.objects.get(name="old")
    delete_ca_certificate(owner_of(namespace), certificate=old)
    old.delete()  # Azure has confirmed
    detail = client.get(reverse("certificates:ca_certificate_detail", args=[namespace.pk, "new"])).content.decode()
    upload = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    assert f"{upload}?again={rollover.pk}" in detail
    form = client.get(upload, {"again": rollover.pk}).context["form"]
    assert client.post(upload, {"name": form["name"].value(), "pem": form["pem"].value()}).status_code == 302
    assert CACertificate.objects.get(name="old").thumbprint == OLD.thumbprint
    assert "pem" not in client.get(upload, {"again": "9" * 30}).context["form"].initial


def test_who_does_not_see_other_teams_is_never_told_that_it_is_safe(
    client: Browser, namespace: Namespace, log: Log
) -> None:
    started(client, namespace)
    for name in ("press-1", "press-2"):
        log.connect(NEW, name=name)
    Namespace.objects.update(hides_other_teams=True)
    text = page(client)
    assert (verdict(text), 'data-code="partial"' in text) == ("unknown", True)


def test_another_line_is_not_taken_for_the_replacement(client: Browser, namespace: Namespace) -> None:
    make_ca_certificate(namespace, "new", der=NEW.der)
    assert step(page(client)) == "upload"
    assert '<option value="new">' in page(client)


def test_a_renewed_one_of_the_same_name_is(client: Browser, namespace: Namespace) -> None:
    renewed = authority("Old CA", at=NOW + timedelta(days=30), key_label="renewed")
    make_ca_certificate(namespace, "renewed", der=renewed.der)
    assert step(page(client)) == "start"


def test_a_reader_sees_the_steps_and_no_buttons(client: Browser, namespace: Namespace) -> None:
    started(client, namespace)
    client.login(username="rea", password=PASSWORD)
    text = page(client)
    assert step(text) == "move"
    assert not re.search("upload-certificate/|/delete/|/cancel/|/remind/|type=.checkbox", text)


def test_the_same_certificate_uploaded_again_counts_from_then_on(namespace: Namespace) -> None:
    owner = owner_of(namespace)
    old = CACertificate.objects.get(name="old")
    CACertificate.objects.update(added_at=NOW - timedelta(days=9))
    delete_ca_certificate(owner, certificate=old)
    certificate = load_certificate(OLD.der)
    upload_ca_certificate(owner, namespace=namespace, team=None, name="old", description="", certificate=certificate)
    added = CACertificate.objects.get(name="old").added_at
    assert added is not None
    assert added >= NOW
